/** The choice between the system's colours, light and dark. */

export const THEMES = ['system', 'light', 'dark'];

/** The theme after this one, round and round. @param {string} theme */
export function nextTheme(theme) {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
}

/**
 * The stored theme, or `system`. Storage may be missing or blocked.
 *
 * @param {() => Pick<Storage, 'getItem'>} storage
 */
export function readTheme(storage) {
  try {
    const theme = storage().getItem('theme') ?? 'system';
    return THEMES.includes(theme) ? theme : 'system';
  } catch {
    return 'system';
  }
}

/**
 * Stores a theme; `system` is what is left when nothing is stored.
 *
 * @param {() => Pick<Storage, 'setItem' | 'removeItem'>} storage
 * @param {string} theme
 */
export function storeTheme(storage, theme) {
  try {
    if (theme === 'system') {
      storage().removeItem('theme');
    } else {
      storage().setItem('theme', theme);
    }
  } catch {
    // The choice holds until the page is left.
  }
}

/**
 * Shows a theme on the page and on its button.
 *
 * @param {{ dataset: Record<string, string | undefined> }} root
 * @param {{ textContent: string | null }} button
 * @param {string} theme
 */
export function showTheme(root, button, theme) {
  if (theme === 'system') {
    delete root.dataset.theme;
  } else {
    root.dataset.theme = theme;
  }
  button.textContent = `Colours: ${theme}`;
}
