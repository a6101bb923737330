/** Elements made from plain values. Texts are set as text: none of them is read as markup. */

/** An element with attributes, listeners ("onclick"), and children, which are elements or texts. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) {
      made.addEventListener(name.slice(2), value);
    } else if (value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children);
  return made;
}

let groups = 0; // of radio buttons, which have names of their own

/** A group of radio buttons, one of which is chosen; values are its [value, label] pairs. */
export function choice(legend, values, chosen, onchoose) {
  groups += 1;
  const name = `choice-${groups}`;
  const buttons = values.map(([value, label]) => {
    const checked = value === chosen;
    const button = element("input", { type: "radio", name, checked, onchange: () => onchoose(value) });
    return element("label", {}, button, label);
  });
  return element("fieldset", {}, element("legend", {}, legend), ...buttons);
}

const MOST = 3000; // rows of a table

/** A table that is filled when it is opened: rows() returns its rows, whose first cell is a heading. */
export class Behind {
  constructor(title, columns, rows) {
    this.rows = rows;
    this.body = element("tbody");
    const table = element("table", {}, element("caption", {}, title), headOf(columns), this.body);
    const scrolled = element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, table);
    const summary = element("summary", {}, "Table");
    this.element = element("details", { ontoggle: () => this.refresh() }, summary, scrolled);
  }

  /** Write the rows anew, if they can be seen. */
  refresh() {
    if (this.element.open) {
      const rows = this.rows();
      const more = rows.length > MOST ? [[`… ${rows.length - MOST} more, which to_dict() has`]] : [];
      this.body.replaceChildren(...[...rows.slice(0, MOST), ...more].map(rowOf));
    }
  }
}

/** The head of a table; a column without a name has no heading. */
export function headOf(columns) {
  const heading = (name) => (name === "" ? element("td") : element("th", { scope: "col" }, name));
  return element("thead", {}, element("tr", {}, ...columns.map(heading)));
}

/** A row of a table: its heading and its cells. */
export function rowOf([heading, ...cells]) {
  const first = element("th", { scope: "row" }, heading);
  return element("tr", {}, first, ...cells.map((cell) => element("td", {}, cell)));
}
