// What sticks out to the right with everything unfolded; what scrolls in a box of its own may.
(boxes) => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  const wide = document.documentElement.clientWidth;
  const out = [...document.querySelectorAll("body *")].filter((e) => {
    const inside = e.parentElement.closest(boxes) || e.closest(".skip");
    return !inside && e.getBoundingClientRect().right > wide + 1;
  });
  const page = document.documentElement.scrollWidth;
  return { page, wide, out: out.map((e) => e.outerHTML.slice(0, 120)) };
}
