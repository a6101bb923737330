/** Shows every view of the page. */

import { show } from "./views.js";

document.querySelectorAll(".view").forEach(show);
