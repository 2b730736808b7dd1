import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';

import { isOpen, setMenu } from '../site/scripts/menu.js';
import { nextTheme, readTheme, showTheme, storeTheme, THEMES } from '../site/scripts/theme.js';

/** A Storage over a map. */
function memory() {
  const entries = new Map();
  return {
    getItem: (key) => entries.get(key) ?? null,
    setItem: (key, value) => entries.set(key, value),
    removeItem: (key) => entries.delete(key),
  };
}

const blocked = () => {
  throw new Error('blocked');
};

test('themes go round', () => {
  const round = THEMES.map(nextTheme);
  assert.deepEqual([...round].sort(), [...THEMES].sort());
  assert.equal(nextTheme('dark'), 'system');
  assert.equal(nextTheme('unknown'), 'system');
});

test('a theme is remembered', () => {
  const storage = memory();
  assert.equal(
    readTheme(() => storage),
    'system',
  );
  storeTheme(() => storage, 'dark');
  assert.equal(
    readTheme(() => storage),
    'dark',
  );
  storeTheme(() => storage, 'system');
  assert.equal(storage.getItem('theme'), null);
});

test('unknown themes and blocked storage are put up with', () => {
  const storage = memory();
  storage.setItem('theme', 'pink');
  assert.equal(
    readTheme(() => storage),
    'system',
  );
  assert.equal(readTheme(blocked), 'system');
  assert.doesNotThrow(() => storeTheme(blocked, 'dark'));
});

test('a theme is shown on the page and the button', () => {
  const root = { dataset: {} };
  const button = { textContent: '' };
  showTheme(root, button, 'dark');
  assert.deepEqual([root.dataset.theme, button.textContent], ['dark', 'Colours: dark']);
  showTheme(root, button, 'system');
  assert.deepEqual([root.dataset.theme, button.textContent], [undefined, 'Colours: system']);
});

test('a stored theme is restored before the page is painted', () => {
  const script = readFileSync(new URL('../site/scripts/restore-theme.js', import.meta.url), 'utf8');
  const restore = (getItem) => {
    const document = { documentElement: { dataset: {} } };
    runInNewContext(script, { document, localStorage: { getItem } });
    return document.documentElement.dataset.theme;
  };
  assert.equal(
    restore(() => 'dark'),
    'dark',
  );
  assert.equal(
    restore(() => 'pink'),
    undefined,
  );
  assert.equal(restore(blocked), undefined);
});

test('the menu opens and closes', () => {
  const attributes = new Map();
  const classes = new Set();
  const button = {
    setAttribute: (name, value) => attributes.set(name, value),
    getAttribute: (name) => attributes.get(name) ?? null,
  };
  const menu = {
    classList: { toggle: (name, on) => (on ? classes.add(name) : classes.delete(name)) },
  };
  setMenu(button, menu, true);
  assert.deepEqual([isOpen(button), classes.has('is-closed')], [true, false]);
  setMenu(button, menu, false);
  assert.deepEqual([isOpen(button), classes.has('is-closed')], [false, true]);
});
