// Reloads the page every few seconds to show what is new. The page also works without this script.
const settled = new URL(location.href);
if (settled.searchParams.has("problem")) {
  // The problem is shown once: a reload is without it.
  settled.searchParams.delete("problem");
  history.replaceState(null, "", settled);
}

// Not while the reader moves or types: a button must stay in its place, and typed text must not be lost.
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
