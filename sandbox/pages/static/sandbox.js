// Shows what is new every few seconds; the page does all it does without this too.
const settled = new URL(location.href);
if (settled.searchParams.has("problem")) {
  // Said once: the next look is without it.
  settled.searchParams.delete("problem");
  history.replaceState(null, "", settled);
}

// Not under somebody's hand: a button must stay where it was aimed at, and nothing that was typed may go.
let moved = 0;
for (const kind of ["pointermove", "pointerdown", "keydown", "scroll"]) {
  addEventListener(kind, () => (moved = Date.now()), { passive: true });
}
setInterval(() => {
  const editing = document.querySelector("input:focus, select:focus");
  const typed = [...document.querySelectorAll("input")].some((one) => one.value !== one.defaultValue);
  if (!editing && !typed && Date.now() - moved > 1500 && document.visibilityState === "visible") {
    location.reload();
  }
}, 3000);
