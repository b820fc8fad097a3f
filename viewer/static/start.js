// What came with the page is painted before its script takes the processor. A page that
// nobody sees gets no frame.
const app = document.querySelector('link[rel=modulepreload]').href;
const begin = () => import(app);
requestAnimationFrame(() => setTimeout(begin));
setTimeout(begin, 300);
