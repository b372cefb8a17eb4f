import { describe, expect, it } from "vitest";
import { parseHtml, plainText } from "./html";

describe("HTML of a protocol", () => {
  it("becomes a tree of allowed elements", () => {
    expect(parseHtml("<p>Act on the <strong>mean</strong></p>")).toEqual([{ tag: "p", children: ["Act on the ", { tag: "strong", children: ["mean"] }] }]);
  });

  it("loses scripts with what is in them", () => {
    expect(parseHtml("a<script>alert(1)</script>b<style>p{}</style><svg><p>x</p></svg>c")).toEqual(["a", "b", "c"]);
  });

  it("loses elements that are not allowed and keeps their words", () => {
    expect(parseHtml('<div onclick="x()">Hello <blink>you</blink></div>')).toEqual(["Hello ", "you"]);
  });

  it("keeps only links that lead to pages, mail and phones", () => {
    expect(parseHtml('<a href="https://example.org">x</a>')).toEqual([{ tag: "a", href: "https://example.org", children: ["x"] }]);
    expect(parseHtml('<a href="javascript:alert(1)">x</a>')).toEqual([{ tag: "a", children: ["x"] }]);
    expect(parseHtml('<a href="&#106;avascript:alert(1)">x</a>')).toEqual([{ tag: "a", children: ["x"] }]);
    expect(parseHtml("<a href=data:text/html,x>x</a>")).toEqual([{ tag: "a", children: ["x"] }]);
  });

  it("keeps attributes with angle brackets inside their quotes", () => {
    expect(parseHtml('<p title="a > b">x</p>')).toEqual([{ tag: "p", children: ["x"] }]);
  });

  it("survives what is not closed, or closed twice", () => {
    expect(parseHtml("<ul><li>a<li>b</ul></p>c")).toEqual([{ tag: "ul", children: [{ tag: "li", children: ["a", { tag: "li", children: ["b"] }] }] }, "c"]);
    expect(parseHtml("1 < 2 & 3 &lt; 4 <!-- no")).toEqual(["1 ", "<", " 2 & 3 < 4 "]);
  });

  it("puts its headings below the page's", () => {
    expect(parseHtml("<h1>A</h1>")).toEqual([{ tag: "h2", children: ["A"] }]);
  });

  it("does not go deeper than it may", () => {
    expect(JSON.stringify(parseHtml("<p>".repeat(5000))).length).toBeLessThan(2000);
  });

  it("has words for an excerpt", () => {
    expect(plainText("<h2>Purpose</h2><p>Home  readings</p>")).toBe("Purpose Home readings");
  });
});
