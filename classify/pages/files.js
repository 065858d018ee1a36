// Files that are not in the page become links only where they lie beside it: in a folder of the page's own name.
{
  const folder = decodeURIComponent(location.pathname).split("/").at(-2);
  if (folder && folder === document.body.dataset.folder) {
    for (const name of document.querySelectorAll("span[data-file]")) {
      const link = document.createElement("a");
      link.href = encodeURIComponent(name.dataset.file);
      link.append(...name.childNodes);
      name.append(link);
    }
  }
}
