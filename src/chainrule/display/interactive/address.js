/**
 * What the reader has chosen, in the fragment of the page's address: #t=3&k=8, of the second view of a page #1.t=3. So
 * an address restores what it showed. A page around this one hears of each change by the event "restated".
 */

const REST = 200; // milliseconds that moves have to rest: browsers limit how often an address may change
const NUMBER = /^\d{1,9}$/;

let chosen = read();
let timer = null;

export class Address {
  /** Of the view with this number on the page. */
  constructor(number) {
    this.prefix = number === 0 ? "" : `${number}.`;
    this.isRead = false;
  }

  /** What was chosen by this name, as a text; "" where nothing was. */
  text(name) {
    return chosen.get(this.prefix + name) ?? "";
  }

  /** The number of one of so many, or the usual one where none of them was chosen. */
  number(name, count, usual) {
    const text = this.text(name);
    return NUMBER.test(text) && Number(text) < count ? Number(text) : usual;
  }

  /** The numbers of a place in an array of this shape; null where no such place was chosen. */
  place(name, shape) {
    const numbers = this.text(name).split(",");
    const isThere = numbers.every((text, k) => NUMBER.test(text) && Number(text) < shape[k]);
    return isThere && numbers.length === shape.length ? numbers.map(Number) : null;
  }

  /** Keep what is chosen now, which state() tells, with undefined for what is usual; not before the address is read. */
  keep(state) {
    const before = String(chosen);
    for (const [name, value] of Object.entries(this.isRead ? state() : {})) {
      chosen.delete(this.prefix + name);
      if (value !== undefined) {
        chosen.set(this.prefix + name, value);
      }
    }
    if (String(chosen) !== before) {
      clearTimeout(timer);
      timer = setTimeout(write, REST);
    }
  }
}

/** Call back when the reader goes to another address of this page. */
export function onaddress(follow) {
  addEventListener("hashchange", () => {
    clearTimeout(timer);
    chosen = read();
    follow();
  });
}

function read() {
  return new URLSearchParams(location.hash.slice(1));
}

function write() {
  chosen.sort();
  history.replaceState(history.state, "", `#${String(chosen).replaceAll("%2C", ",")}`);
  dispatchEvent(new Event("restated"));
}
