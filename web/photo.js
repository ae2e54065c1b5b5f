/** What a chosen file is, by its bytes: a phone's own word for it is often missing or wrong. */

// What the API takes at most: photogate.intake.MAX_UPLOAD_BYTES.
export const MAX_BYTES = 30 * 1024 * 1024;

const SIGNATURES = [
  ["image/jpeg", 0, [0xff, 0xd8, 0xff]],
  ["image/png", 0, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ["image/webp", 8, "WEBP"],
  ["image/gif", 0, "GIF8"],
  ["image/bmp", 0, "BM"],
  ["image/tiff", 0, [0x49, 0x49, 0x2a, 0x00]],
  ["image/tiff", 0, [0x4d, 0x4d, 0x00, 0x2a]],
  ["image/tiff", 0, [0x49, 0x49, 0x2b, 0x00]],
  ["image/tiff", 0, [0x4d, 0x4d, 0x00, 0x2b]],
  ...["heic", "heix", "heim", "heis", "hevc", "hevx"].map((brand) => ["image/heic", 8, brand]),
  ...["mif1", "msf1"].map((brand) => ["image/heif", 8, brand]),
  ...["avif", "avis"].map((brand) => ["image/avif", 8, brand]),
];

/** Gives the media type of the bytes, or null for what is no photo that the service takes. */
export function mediaType(bytes) {
  for (const [type, offset, signature] of SIGNATURES) {
    const wanted = typeof signature === "string" ? [...signature].map((c) => c.charCodeAt(0)) : signature;
    if (wanted.every((byte, i) => bytes[offset + i] === byte)) return type;
  }
  return null;
}

/** Gives the SHA-256 of a buffer in hex. */
export async function sha256(buffer) {
  const digest = await crypto.subtle.digest("SHA-256", buffer);
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** Reads a file: its type by its bytes, its size, its hash. `fault` is "not_a_photo", "empty" or "too_large" instead. */
export async function read(file) {
  if (file.size === 0) return { fault: "empty" };
  if (file.size > MAX_BYTES) return { fault: "too_large" };
  const buffer = await file.arrayBuffer();
  const content_type = mediaType(new Uint8Array(buffer, 0, Math.min(16, buffer.byteLength)));
  if (!content_type) return { fault: "not_a_photo" };
  return { file, content_type, size: file.size, sha256: await sha256(buffer), key: crypto.randomUUID() };
}
