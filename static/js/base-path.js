// The base path: the path of the server's public address, such as "/coal", which a proxy puts in front of all paths.

/** Empty without one. */
export const basePath = document.documentElement.dataset.basePath ?? "";

/** Return a path of the server as an address of this page; a path that has the base path, and any other URL, unchanged. */
export function address(path) {
  const isPath = path.startsWith("/") && !path.startsWith("//");
  return isPath && !`${path.split(/[?#]/, 1)[0]}/`.startsWith(`${basePath}/`) ? basePath + path : path;
}

/** Return the name of a stored item: servers with different base paths share the storage of one origin. */
export const storageKey = (name) => name + basePath;
