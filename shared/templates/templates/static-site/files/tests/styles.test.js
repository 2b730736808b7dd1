import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const css = readFileSync(new URL('../site/styles.css', import.meta.url), 'utf8');

/** The colours that the rule with this selector sets. */
function colours(selector) {
  const start = css.indexOf(`${selector} {`);
  assert.notEqual(start, -1, selector);
  const body = css.slice(start, css.indexOf('}', start));
  const found = [...body.matchAll(/--([a-z]+): (#[0-9a-f]{6});/g)];
  return Object.fromEntries(found.map(([, name, value]) => [name, value]));
}

/** The contrast ratio of WCAG 2. */
function contrast(one, other) {
  const luminance = (colour) => {
    const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
    const [red, green, blue] = parts.map((part) =>
      part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

for (const selector of [':root', ':root:not([data-theme="light"])', ':root[data-theme="dark"]']) {
  test(`colours of ${selector} have enough contrast`, () => {
    const { background, surface, text, muted, accent } = colours(selector);
    for (const back of [background, surface]) {
      for (const front of [text, muted, accent]) {
        assert.ok(contrast(front, back) >= 4.5, `${front} on ${back}`);
      }
    }
  });
}

test('dark colours are the same by choice and by system', () => {
  assert.deepEqual(colours(':root[data-theme="dark"]'), colours(':root:not([data-theme="light"])'));
});

test('braces are balanced', () => {
  assert.equal(css.split('{').length, css.split('}').length);
});

test('focus is visible, and motion and small screens are thought of', () => {
  for (const part of [':focus-visible', 'prefers-reduced-motion', 'max-width']) {
    assert.ok(css.includes(part), part);
  }
});
