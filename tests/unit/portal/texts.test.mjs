// The portal's pages have every text in both languages, and nothing that a strict content security policy forbids.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { TEXTS } from '../../../tools/orderd/web/renew-texts.mjs';

const folder = new URL('../../../tools/orderd/web/', import.meta.url);
const read = (name) => readFileSync(new URL(name, folder), 'utf8');
const names = readdirSync(folder);
const pages = names.filter((name) => name.endsWith('.html'));

test('both languages have the same texts', () => {
    assert.deepEqual(Object.keys(TEXTS.en).sort(), Object.keys(TEXTS['zh-CN']).sort());
});

test('both languages name the same values in a text', () => {
    const values = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
    for (const key of Object.keys(TEXTS.en)) assert.deepEqual(values(TEXTS.en[key]), values(TEXTS['zh-CN'][key]), key);
});

test('every text that a page names exists', () => {
    for (const page of pages) {
        for (const [, key] of read(page).matchAll(/data-(?:text|label)="([^"]+)"/g)) {
            assert.ok(key in TEXTS.en, `${page} names ${key}`);
        }
    }
});

test('every text that a script names exists', () => {
    const scripts = names.filter((name) => name.endsWith('.mjs') && name !== 'renew-texts.mjs');
    for (const script of scripts) {
        for (const [, key] of read(script).matchAll(/\b(?:t|say|busy|text)\((?:lang, )?'([a-zA-Z.-]+)'/g)) {
            assert.ok(key in TEXTS.en, `${script} names ${key}`);
        }
    }
});

test('what a page shows before its script runs is the Chinese text', () => {
    for (const page of pages) {
        for (const [, key, shown] of read(page).matchAll(/data-text="([^"]+)"[^>]*>([^<]+)</g)) {
            assert.equal(shown, TEXTS['zh-CN'][key], `${page}: ${key}`);
        }
    }
});

test('no page holds an inline script, style or event handler', () => {
    for (const page of pages) {
        const html = read(page);
        assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/i, page);
        for (const [, attributes] of html.matchAll(/<script([^>]*)>/g)) assert.match(attributes, /\ssrc="\//, page);
    }
});

test('every input has a label and every panel a heading that names it', () => {
    const html = read('renew.html');
    for (const [, id] of html.matchAll(/<input id="([^"]+)"/g)) assert.ok(html.includes(`<label for="${id}"`), id);
    for (const [, id] of html.matchAll(/aria-labelledby="([^"]+)"/g)) assert.ok(html.includes(`id="${id}"`), id);
});
