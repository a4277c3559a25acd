// The page: what is shared by both sides, what hands do, the address.

import { Page } from "./page.js";
import { Live } from "./source.js";

const page = new Page(new Live());
window.thalweg = page; // for tests, and for whoever opens the console
page.start();
