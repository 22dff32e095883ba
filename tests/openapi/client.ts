// Runs every operation with openapi-fetch and the types that openapi-typescript generates.
// Started by `python -m tests.openapi` with an emulator's URL and token in OUTREPLY_BASE_URL and
// OUTREPLY_API_KEY, and the operations, such as "GET /pages", as arguments.

import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./schema.js";

declare const process: {
  argv: string[];
  env: { OUTREPLY_BASE_URL: string; OUTREPLY_API_KEY: string };
};

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...Array(64).fill(0)]);
const IMAGE = "https://93.184.216.34/hero.jpg";

const called = new Set<string>();
const client = createClient<paths>({
  baseUrl: process.env.OUTREPLY_BASE_URL,
  headers: { Authorization: `Bearer ${process.env.OUTREPLY_API_KEY}` },
});
client.use({
  onResponse: ({ request, response, schemaPath }) => {
    if (response.ok) called.add(`${request.method} ${schemaPath}`);
  },
});

function check(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text);
}

// The data of a successful response.
async function ok<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  check(data !== undefined, `${response.url}: ${JSON.stringify(error)}`);
  return data;
}

await ok(client.GET("/"));
check((await ok(client.GET("/errors"))).errors.length > 0, "no error codes");
await ok(client.GET("/openapi.json"));
const me = await ok(client.GET("/me"));
check(me.authenticated_as.email === "roomy@example.com", "another user");
const tier: components["schemas"]["Tier"] = (await ok(client.GET("/account"))).tier;
check(tier === "elite", "another tier");
const brand = (await ok(client.GET("/brands"))).brands[0];
check(brand !== undefined, "no brand");
const ofBrand = { params: { path: { brand_id: brand.id } } };
check((await ok(client.GET("/brands/{brand_id}", ofBrand))).brand.name === brand.name, "brand");
const pages = (await ok(client.GET("/brands/{brand_id}/pages", ofBrand))).pages;
check(pages.length === brand.pages_count, "pages of the brand");
const page = (await ok(client.GET("/pages", { params: { query: { platform: "youtube" } } }))).pages[0];
check(page !== undefined, "no page");
const ofPage = { params: { path: { page_id: page.id } } };
check((await ok(client.GET("/pages/{page_id}", ofPage))).page.name === page.name, "page");

const form = new FormData();
form.append("file", new Blob([PNG], { type: "image/png" }), "hero.png");
const upload = await ok(
  client.POST("/media/upload", { body: { file: "hero.png" }, bodySerializer: () => form }),
);
check(upload.size_bytes === PNG.length, "size of the upload");
const ofMedia = { params: { path: { media_id: upload.media_id } } };
check((await ok(client.GET("/media/{media_id}", ofMedia))).media.url === upload.url, "media");

const scheduled_at = new Date(Date.now() + 86_400_000).toISOString();
const { scheduled_post: post } = await ok(
  client.POST("/posts/schedule", {
    params: { header: { "Idempotency-Key": "first" } },
    body: {
      page_id: page.id,
      scheduled_at,
      message: "Soon",
      media_ids: [upload.media_id],
      media_urls: [IMAGE],
    },
  }),
);
check(post.scheduled_at === scheduled_at, "time of the post");
const inUse = await client.DELETE("/media/{media_id}", ofMedia);
check(inUse.error?.code === "MEDIA_IN_USE", "media in use");
check(inUse.error.scheduled_post_id === post.id, "post that uses the media");
const limit = { params: { query: { limit: 100 } } };
const pending = (await ok(client.GET("/posts/scheduled", limit))).scheduled_posts;
check(pending.some(({ id }) => id === post.id), "pending posts");
const ofPost = { params: { path: { post_id: post.id } } };
const shown = (await ok(client.GET("/posts/scheduled/{post_id}", ofPost))).scheduled_post;
check(shown.message === "Soon", "scheduled post");
check((await ok(client.DELETE("/posts/scheduled/{post_id}", ofPost))).success, "cancel");
const gone = await client.GET("/posts/scheduled/{post_id}", ofPost);
check(gone.error?.code === "NOT_FOUND", "cancelled post");
check((await ok(client.DELETE("/media/{media_id}", ofMedia))).success, "delete media");
const left = (await ok(client.GET("/media"))).media;
check(!left.some(({ media_id }) => media_id === upload.media_id), "deleted media");

const live = await ok(
  client.POST("/posts/publish", { body: { page_id: page.id, message: "Live" } }),
);
const since = new Date(Date.parse(live.published_at) - 1000).toISOString();
const query = { page_id: page.id, since };
const published = (await ok(client.GET("/posts/published", { params: { query } }))).published_posts;
check(published.some(({ remote_id }) => remote_id === live.post_id), "published posts");
const ofPublished = { params: { query: { post_id: "post1" } } };
const comment = (await ok(client.GET("/comments", ofPublished))).comments[0];
check(comment !== undefined, "no comment");
const { reply } = await ok(
  client.POST("/comments/reply", { body: { comment_id: comment.id, message: "Thanks 💚" } }),
);
check(reply.parent_id === comment.id, "reply");

const hook = await ok(
  client.POST("/webhooks", { body: { url: "http://127.0.0.1:9/", events: ["post.published"] } }),
);
check(hook.secret === hook.webhook?.secret, "secret");
const ofHook = { params: { path: { webhook_id: hook.id } } };
check((await ok(client.GET("/webhooks/{webhook_id}", ofHook))).url === hook.url, "webhook");
check((await ok(client.GET("/webhooks"))).webhooks.some(({ id }) => id === hook.id), "webhooks");
check((await ok(client.DELETE("/webhooks/{webhook_id}", ofHook))).id === hook.id, "delete webhook");

// The bodies of deliveries have types, too.
type Delivery = webhooks["post.failed"]["post"]["requestBody"]["content"]["application/json"];
const reason = (delivery: Delivery): string | undefined => delivery.data.post.error;
check(typeof reason === "function", "delivery");

const missing = process.argv.slice(2).filter((operation) => !called.has(operation));
check(missing.length === 0, `not run: ${missing.join(", ")}`);
console.log(`${called.size} operations`);
