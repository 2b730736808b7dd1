/** Starts what the pages have beyond their text. Without it they lose nothing but comfort. */

import { isOpen, setMenu } from './menu.js';
import { nextTheme, readTheme, showTheme, storeTheme } from './theme.js';

const storage = () => window.localStorage;
const themeButton = document.querySelector('.theme-button');
const menuButton = document.querySelector('.menu-button');
const menu = document.querySelector('#menu');

if (themeButton instanceof HTMLButtonElement) {
  let theme = readTheme(storage);
  showTheme(document.documentElement, themeButton, theme);
  themeButton.hidden = false;
  themeButton.addEventListener('click', () => {
    theme = nextTheme(theme);
    storeTheme(storage, theme);
    showTheme(document.documentElement, themeButton, theme);
  });
}

if (menuButton instanceof HTMLButtonElement && menu) {
  setMenu(menuButton, menu, false);
  menuButton.hidden = false;
  menuButton.addEventListener('click', () => setMenu(menuButton, menu, !isOpen(menuButton)));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && isOpen(menuButton)) {
      setMenu(menuButton, menu, false);
      menuButton.focus();
    }
  });
}
