// Charts: the value at a point in words, as the mouse, a finger or the arrow keys go from one point to the next.
// The words are the server's: the title of each dot. Without this file the table has them.

const SVG = "http://www.w3.org/2000/svg";
const UPWARDS = 1 / 3; // a chart is read along its time: what is nearest in height counts less
const FIRST = -Infinity;
const LAST = Infinity;
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: FIRST, End: LAST };

// Returns where a dot, or a mark below the values, is: in percentages of the drawing.
function placeOf(shape) {
  if (shape.matches("circle")) return { x: parseFloat(shape.getAttribute("cx")), y: parseFloat(shape.getAttribute("cy")) };
  return { x: parseFloat(shape.ownerSVGElement.getAttribute("x")), y: 100 };
}

// Returns the points from left to right: the words of each and its places, of which one measurement may have two.
function pointsOf(drawing) {
  const found = new Map();
  for (const title of drawing.querySelectorAll("circle > title, path > title")) {
    const place = placeOf(title.parentNode);
    const words = title.textContent;
    const key = `${place.x} ${words}`;
    if (!found.has(key)) found.set(key, { words, places: [] });
    found.get(key).places.push(place);
  }
  return [...found.values()].sort((one, other) => one.places[0].x - other.places[0].x);
}

function drawn(name, places) {
  const shape = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(places)) shape.setAttribute(key, value);
  return shape;
}

function read(frame) {
  const drawing = frame.querySelector("svg");
  const line = frame.nextElementSibling;
  const points = pointsOf(drawing);
  if (points.length === 0) return;
  const hint = line.textContent;
  const pointer = drawing.appendChild(drawn("g", { class: "pointer", "aria-hidden": "true" }));
  // A slider has its keys also where a screen reader keeps the arrows for itself, and says its value at each step.
  const slider = document.createElement("div");
  slider.tabIndex = 0;
  slider.setAttribute("role", "slider");
  slider.setAttribute("aria-label", frame.dataset.points);
  slider.setAttribute("aria-valuemin", 1);
  slider.setAttribute("aria-valuemax", points.length);
  let current = points.length - 1;
  let isShown = false;

  function choose(index) {
    current = Math.min(Math.max(index, 0), points.length - 1);
    slider.setAttribute("aria-valuenow", current + 1);
    slider.setAttribute("aria-valuetext", points[current].words);
  }

  function show(index) {
    choose(index);
    isShown = true;
    const { words, places } = points[current];
    line.textContent = words;
    line.classList.remove("soft");
    const [{ x }] = places;
    pointer.replaceChildren(
      drawn("line", { x1: `${x}%`, x2: `${x}%`, y1: "0%", y2: "100%" }),
      ...places.map((place) => drawn("circle", { cx: `${place.x}%`, cy: `${place.y}%`, r: 8 })),
    );
  }

  function hide() {
    isShown = false;
    line.textContent = hint;
    line.classList.add("soft");
    pointer.replaceChildren();
  }

  function nearest(event) {
    const box = drawing.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * 100;
    const down = ((event.clientY - box.top) / box.height) * 100;
    const upwards = (UPWARDS * box.height) / box.width;
    const distances = points.map(({ places }) => Math.min(...places.map(({ x, y }) => Math.hypot(x - across, (y - down) * upwards))));
    return distances.indexOf(Math.min(...distances));
  }

  for (const name of ["pointerdown", "pointermove"]) slider.addEventListener(name, (event) => show(nearest(event)));
  // After a finger the words stay: it is lifted to read them.
  slider.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse" && document.activeElement !== slider) hide();
  });
  slider.addEventListener("focus", () => show(current));
  slider.addEventListener("blur", hide);
  slider.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") hide();
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    show(isShown || Math.abs(STEPS[event.key]) > 1 ? current + STEPS[event.key] : current);
  });
  choose(current);
  frame.append(slider);
}

for (const frame of document.querySelectorAll("[data-points]")) read(frame);
