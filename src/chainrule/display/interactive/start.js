/** Shows every view of the page, and again when the reader goes to another address of it. */

import { onaddress } from "./address.js";
import { show } from "./views.js";

const showAll = () => document.querySelectorAll(".view").forEach(show);
onaddress(showAll);
showAll();
