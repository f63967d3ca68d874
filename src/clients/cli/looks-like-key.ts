const known = /^(?:(?:sk|rk|pk|gsk|xai|pplx|hf|tgp|key)[-_][\w.-]{12,}|AIza[\w-]{20,})$/i;

/** Whether a text begins as keys do. Ids of accounts and projects do not. */
export function beginsLikeKey(text: string): boolean {
  return known.test(text);
}

/** Whether a text where no key belongs may be one: it begins as keys do, or is long and looks drawn by lot. */
export function looksLikeKey(text: string): boolean {
  if (beginsLikeKey(text) || /^[\da-f]{32,}$/i.test(text)) return true;
  return /^[\w.-]{20,}$/.test(text) && /\d/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text);
}
