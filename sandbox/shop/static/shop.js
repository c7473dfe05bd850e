// Shows what becomes of the order as soon as it is known; without this the page looks again every few seconds.
const order = document.querySelector("[data-news]");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const here = new URL(location.href);
if (here.search) {
  // Said once: the next look is without it.
  here.search = "";
  history.replaceState(null, "", here);
}

const typing = () =>
  [...document.querySelectorAll("input")].some((one) => one === document.activeElement || one.value !== one.defaultValue);

async function changed() {
  try {
    // Answered at once where there is nothing to wait for, else after the payment, or a few seconds.
    const answer = await fetch(order.dataset.news);
    return answer.ok && (await answer.text()) !== order.dataset.version;
  } catch {
    return false; // whoever looks again by hand is told why
  }
}

async function follow() {
  // Nobody is asked for a page that nobody sees, and nothing that is being typed goes.
  while (document.visibilityState === "hidden" || typing() || !(await changed()) || typing()) {
    await pause(1000);
  }
  location.reload();
}

if (order) {
  follow();
}
