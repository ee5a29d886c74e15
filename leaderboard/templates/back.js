// The board opens as one left it: its view came along in the address.
const cameFrom = new URLSearchParams(location.hash.slice(1)).get("view");
if (cameFrom) {
  for (const link of document.querySelectorAll('a[href$="index.html"]')) link.setAttribute("href", `${link.getAttribute("href")}#${cameFrom}`);
}
