// Ten steps through the lecture, each a state of the page that can be touched.

import { readState } from "./state.js";

const STEPS = [
  ["An energy", "scene=two_moons&left=noise_contrastive&left.n_steps=600&view=surface&tool=fall",
    "A model gives every point one number, its energy: low where it fits the data (the dots), high where it does not. Nothing has been learned yet. Press Train and watch a valley take shape where the data are. Turn the surface with the mouse."],
  ["Falling into the valley", "scene=two_moons&left=kmeans&left.n_clusters=20&tool=fall",
    "Drag the orange point: it follows the slope to where the energy is lowest nearby (the cross). The white point is the closest one of the data manifold, by K-means: F(y) = min over z of |y − Wz|², and z says which of the k points."],
  ["What is y2, given y1?", "scene=spiral&left=kmeans&left.n_clusters=30&tool=given",
    "Hold y1 (the dotted line) and look where the energy along it is low: each valley is a possible answer, ranked. One question has several answers, and their average, between the arms, is none of them."],
  ["From hard to soft", "scene=eight_gaussians&left=mixture&left.n_components=8&regions=1&tool=fall",
    "z may be minimized over, or summed over: the free energy F_β. Move beta: cold, each z has its own bowl and there is a ridge between them; warm, they melt together. The colours say which z counts most. Choose a single z to see its bowl alone."],
  ["Push up everywhere", "scene=two_moons&left=maximum_likelihood&right=noise_contrastive&tool=fall",
    "Contrastive strategies push data down and something else up. Maximum likelihood pushes up whatever the energy itself believes in; noise contrastive estimation pushes up noise of a known kind. Train both and compare."],
  ["Contrastive divergence", "scene=two_moons&left=contrastive_divergence&tool=kick",
    "Data points (white) are kicked (dashed), fall down the energy (green), and where they land (the cross) the energy is pushed up. Train: the landings come closer to the data, until they push nothing any more. Drag anywhere to kick a point of your own."],
  ["The way back", "scene=spiral&left=denoising&left.noise=0.1&tool=fall",
    "A denoising autoencoder learns where spoiled points came from; its energy is how far it sends a point. Train it, then drag points off the curve. In the middle between two arms nobody can know the way back: there is the weak place of this strategy."],
  ["A bounded volume, or a price", "scene=pinwheel&left=pca&right=sparse&tool=fall",
    "Architectural strategies leave little room to be low in. PCA has one line. Sparse coding has more atoms than the plane has dimensions, and codes cost: choose a single z to see the valley of one atom, and “which z” for who explains what."],
  ["A small slope, a large curvature", "scene=rings&left=score_matching&right=variational&tool=fall&view=surface",
    "Score matching asks for a slope of zero and a curvature as large as can be at the data, and never asks about any other point. Beside it a variational autoencoder: codes made fuzzy, at a price. Same camera for both: turn one."],
  ["Chains", "scene=eight_gaussians&left=mixture&left.n_components=8&tool=chains&chains=walk&step=0.2",
    "To draw from exp(−F) one walks. A random walk sticks in the well it began in; Langevin follows the slope; Hamiltonian chains fly (green); tempering walks at several temperatures at once and crosses. Press “Start at the point” for each and see who finds all eight wells."],
];

function shown(hash, catalogue) {
  if (!catalogue.recorded) return true;
  const said = new URLSearchParams(hash);
  const known = ["left", "right"].every((side) => !said.get(side) || Object.hasOwn(catalogue.methods, said.get(side)));
  return known && Object.hasOwn(catalogue.scenes, said.get("scene")) && ["fall", "given"].includes(said.get("tool"));
}

export class Tour {
  constructor(page) {
    this.page = page;
    this.at = -1;
    // of a recording those that it can show
    this.steps = STEPS.filter(([, hash]) => shown(hash, page.catalogue));
    const by = (id) => document.getElementById(id);
    this.guide = by("guide");
    by("tour").addEventListener("click", () => this.go(0));
    by("guide-next").addEventListener("click", () => this.go(this.at + 1));
    by("guide-back").addEventListener("click", () => this.go(this.at - 1));
    by("guide-end").addEventListener("click", () => this.go(-1));
  }

  go(step) {
    this.at = step >= this.steps.length ? -1 : step;
    this.guide.hidden = this.at < 0;
    if (this.at < 0) return;
    const [title, hash, text] = this.steps[this.at];
    this.guide.querySelector("h2").textContent = `${this.at + 1} of ${this.steps.length}: ${title}`;
    this.guide.querySelector("p").textContent = text;
    document.getElementById("guide-back").disabled = this.at === 0;
    document.getElementById("guide-next").textContent = this.at === this.steps.length - 1 ? "Finish" : "Next";
    this.page.apply(readState(hash, this.page.catalogue));
  }
}
