/** The navigation on small screens. */

/**
 * Opens or closes the menu.
 *
 * @param {Pick<Element, 'setAttribute'>} button
 * @param {{ classList: Pick<DOMTokenList, 'toggle'> }} menu
 * @param {boolean} open
 */
export function setMenu(button, menu, open) {
  button.setAttribute('aria-expanded', String(open));
  menu.classList.toggle('is-closed', !open);
}

/** Whether the button says that the menu is open. @param {Pick<Element, 'getAttribute'>} button */
export function isOpen(button) {
  return button.getAttribute('aria-expanded') === 'true';
}
