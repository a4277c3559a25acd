// Where answers come from: the server of this page, or fields that were recorded.

import { Page } from "./page.js";
import { Recorded } from "./recorded.js";
import { Live } from "./source.js";

const { fields } = document.documentElement.dataset;
const page = new Page(fields ? new Recorded(fields) : new Live());
window.thalweg = page; // for tests, and for whoever opens the console
page.start();
