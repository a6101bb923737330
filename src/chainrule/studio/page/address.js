/**
 * The address of what is shown, such as #/run/NAME/look?at=40: all that is needed to show it again.
 *
 * A name is one part of the path, whatever characters it has; parameters are written as in a query.
 */

/** An address taken apart: {path, parameters}, of which the path is a list of names. */
export function parsed(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const names = path.split("/").filter(Boolean).map(decoded);
  return { path: names, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

/** The address of a path with parameters; those without a value are left out. */
export function addressOf(path, parameters = {}) {
  const query = queryOf(parameters);
  return `#/${path.map(encodeURIComponent).join("/")}${query && `?${query}`}`;
}

/** Parameters as a query, but for those without a value. */
export function queryOf(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return String(new URLSearchParams(given));
}

/** Go to another place: the back button leads here. */
export function go(path, parameters) {
  location.hash = addressOf(path, parameters);
}

/** Say what is shown now without another step for the back button, as while a slider moves. */
export function restate(parameters) {
  history.replaceState(null, "", addressOf(parsed().path, parameters));
}

/** A name as it was before it was written into a path; what nobody has written so stays as it is. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
