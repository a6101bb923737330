/** What the server is asked: JSON by GET and POST, and a file by POST. A refusal is an error with its sentence. */

const SILENT = "The studio's server does not answer. It may have ended: start chainrule studio again.";

/** What a path of the server holds. */
export function got(path) {
  return answer(path, {});
}

/** What the server makes of an order. */
export function sent(path, order = {}) {
  return answer(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(order) });
}

/** The number by which the server knows a file from now on. */
export async function uploaded(file) {
  const headers = { "Content-Type": "application/octet-stream", "X-File-Name": encodeURIComponent(file.name) };
  return (await answer("/api/uploads", { method: "POST", headers, body: file })).id;
}

/** A run's name within a path: the folders that it lies in are parts of the path. */
export function inPath(name) {
  return name.split("/").map(encodeURIComponent).join("/");
}

let views = null;

/** The views that there are, which the server is asked for until it has told them. */
export function viewsOf() {
  views ??= got("/api/views").catch((error) => {
    views = null;
    throw error;
  });
  return views;
}

async function answer(path, request) {
  const response = await fetch(path, request).catch(() => {
    throw new Error(SILENT);
  });
  const told = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(told.error ?? `The server answers ${response.status} ${response.statusText} to ${path}.`);
  }
  return told;
}
