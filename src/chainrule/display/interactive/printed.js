/** Numbers as whole multiples of one last digit, so that what is shown adds up digit by digit. */

const DIGITS = 4; // of the largest number
const PLAIN = [-2, 5]; // powers of ten that are written out

export class Printed {
  /** So that the largest number has four digits. */
  constructor(largest) {
    const power = largest > 0 ? Math.floor(Math.log10(largest)) : 0;
    const plain = power >= PLAIN[0] && power <= PLAIN[1];
    this.power = plain ? 0 : power;
    this.decimals = plain ? Math.max(0, DIGITS - 1 - power) : DIGITS - 1;
  }

  /** How many last digits a value is. */
  digits(value) {
    return Math.round(value * 10 ** (this.decimals - this.power));
  }

  /** So many last digits, in units. */
  text(digits) {
    return (digits / 10 ** this.decimals).toFixed(this.decimals);
  }

  /** What to add to a title: nothing, or the units. */
  get units() {
    return this.power === 0 ? "" : `, in units of 1e${this.power}`;
  }
}
