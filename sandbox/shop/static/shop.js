// Reloads the order's page as soon as there is something new. Without this script it reloads every few seconds.
const order = document.querySelector("[data-news]");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const here = new URL(location.href);
if (here.search) {
  // The message is shown once: a reload is without it.
  here.search = "";
  history.replaceState(null, "", here);
}

const typing = () =>
  [...document.querySelectorAll("input")].some((one) => one === document.activeElement || one.value !== one.defaultValue);

async function changed() {
  try {
    // Answered at once if there is nothing to wait for, else after the payment or a few seconds.
    const answer = await fetch(order.dataset.news);
    return answer.ok && (await answer.text()) !== order.dataset.version;
  } catch {
    return false; // a reload by hand shows the error
  }
}

async function follow() {
  // A hidden page asks for nothing, and typed text must not be lost.
  while (document.visibilityState === "hidden" || typing() || !(await changed()) || typing()) {
    await pause(1000);
  }
  location.reload();
}

if (order) {
  follow();
}
