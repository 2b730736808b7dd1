import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { strayMarkup, tags, textOf, unbalanced } from './html.js';

const site = new URL('../site/', import.meta.url);
const pages = readdirSync(site).filter((name) => name.endsWith('.html'));

const read = (name) => readFileSync(new URL(name, site), 'utf8');

test('there is a start page and a page for missing ones', () => {
  assert.ok(pages.includes('index.html'));
  assert.ok(pages.includes('404.html'));
});

test('every page has a title of its own', () => {
  const titles = pages.map((name) => textOf(read(name), 'title'));
  const repeated = titles.filter((title, index) => titles.indexOf(title) !== index);
  assert.deepEqual(repeated, []);
});

for (const name of pages) {
  describe(name, () => {
    const html = read(name);
    const all = tags(html);
    const named = (tag) => all.filter((entry) => entry.name === tag);
    const meta = (key) => named('meta').find(({ attributes }) => attributes.name === key);

    test('is well-formed HTML', () => {
      assert.ok(html.startsWith('<!doctype html>\n'));
      assert.deepEqual(strayMarkup(html), []);
      assert.deepEqual(unbalanced(html), []);
    });

    test('says what it is', () => {
      assert.match(named('html')[0].attributes.lang, /^[a-z]{2,3}\b/);
      assert.equal(named('meta')[0].attributes.charset, 'utf-8');
      assert.ok(textOf(html, 'title'));
      assert.ok(meta('description').attributes.content);
      assert.match(meta('viewport').attributes.content, /width=device-width/);
    });

    test('has landmarks and one main heading', () => {
      for (const tag of ['header', 'nav', 'main', 'footer', 'h1']) {
        assert.equal(named(tag).length, 1, tag);
      }
      assert.ok(textOf(html, 'h1'));
      assert.ok(named('nav')[0].attributes['aria-label']);
    });

    test('can be used with the keyboard and without sight', () => {
      const [skip] = named('a');
      assert.equal(skip.attributes.href, `#${named('main')[0].attributes.id}`);
      for (const { attributes } of named('img')) {
        assert.ok('alt' in attributes);
      }
      for (const { attributes } of named('button')) {
        assert.equal(attributes.type, 'button');
      }
      const current = named('a').filter(({ attributes }) => attributes['aria-current'] === 'page');
      assert.deepEqual(
        current.map(({ attributes }) => attributes.href),
        name === '404.html' ? [] : [name],
      );
    });

    test('links to what exists', () => {
      const ids = all.map(({ attributes }) => attributes.id).filter(Boolean);
      assert.equal(new Set(ids).size, ids.length, 'ids are unique');
      const targets = all.flatMap(({ attributes }) =>
        [attributes.href, attributes.src].filter((target) => target !== undefined),
      );
      for (const target of targets) {
        if (target.startsWith('#')) {
          assert.ok(ids.includes(target.slice(1)), target);
        } else if (!/^(https|mailto|tel):/.test(target)) {
          assert.equal(target.startsWith('/'), name === '404.html', target);
          const path = target.split('#')[0].replace(/^\//, '');
          assert.ok(path !== '' && existsSync(new URL(path, site)), target);
        }
      }
    });

    test('keeps to the content security policy', () => {
      for (const { name: tag, attributes } of all) {
        const inline = Object.keys(attributes).filter(
          (key) => key === 'style' || key.startsWith('on'),
        );
        assert.deepEqual(inline, [], tag);
        assert.notEqual(tag, 'style');
        if (tag === 'script') {
          assert.ok(attributes.src, 'scripts are files');
        }
      }
    });
  });
}
