const MASK = '[key removed]';

/** Begins as the keys of providers do. */
const BEGINNING = /(?<![A-Za-z0-9])(?:(?:sk|rk|gsk|xai|pplx|hf|tgp)[-_]|AIza)[\w-]{16,}/g;

/** Goes on as what is drawn by lot does, and as no model's name does. */
const isDrawn = (text: string): boolean => /\d/.test(text) && /[A-Za-z0-9]{16}/.test(text);

/**
 * Cuts out of a text what can only be a key, whoever's it is: people paste keys where a name belongs. Keys that look like nothing in
 * particular are not found.
 */
export const maskKeys = (text: string): string => (text.length < 20 ? text : text.replaceAll(BEGINNING, (found) => (isDrawn(found) ? MASK : found)));

/** Whether a key stands in a text where a name belongs. */
export const holdsKey = (text: string): boolean => maskKeys(text) !== text;
