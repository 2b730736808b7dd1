/** A reader for the plain HTML of this site: tags with their attributes, and text. */

const TAG = /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*>/g;
const ATTRIBUTE = /([a-z-]+)(?:="([^"]*)")?/g;
const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/** The opening tags, in order. */
export function tags(html) {
  return [...html.matchAll(TAG)]
    .filter(([, slash]) => slash === '')
    .map(([, , name, rest]) => ({
      name,
      attributes: Object.fromEntries(
        [...rest.matchAll(ATTRIBUTE)].map(([, key, value]) => [key, decode(value ?? '')]),
      ),
    }));
}

/** The text between a tag and its end, without tags. */
export function textOf(html, name) {
  const match = new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`).exec(html);
  return match ? decode(match[1].replace(TAG, '')).trim() : undefined;
}

/** Tags that are left open or closed without being open. */
export function unbalanced(html) {
  const empty = new Set(['meta', 'link', 'br', 'hr', 'img', 'input']);
  const open = [];
  for (const [, slash, name] of html.matchAll(TAG)) {
    if (slash === '') {
      if (!empty.has(name)) {
        open.push(name);
      }
    } else if (open.at(-1) === name) {
      open.pop();
    } else {
      return [...open, `/${name}`];
    }
  }
  return open;
}

/** What is neither a known tag nor text: a sign of text that was not escaped. */
export function strayMarkup(html) {
  const rest = html.replace('<!doctype html>', '').replace(TAG, '');
  return rest.match(/[<>]|&(?!(?:amp|lt|gt|quot|#39);)/g) ?? [];
}

function decode(text) {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => ENTITIES[name]);
}
