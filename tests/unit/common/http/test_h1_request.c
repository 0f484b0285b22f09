#include <check.h>
#include <stdlib.h>

#include "h1_case.h"

Suite *test_h1_request_suite(void);

#define H "Host: a.example\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"
#define WITH(fields) "POST /p HTTP/1.1\r\n" H fields "\r\n"
#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static const struct h1_case cases[] = {
    /* -- what has to work */
    CASE("plain", GET("/"), "GET / a.example:0 1.1 keep none"),
    CASE("query", GET("/a?b=c&d"), "GET /a?b=c&d a.example:0 1.1 keep none"),
    CASE("empty query", GET("/a?"), "GET /a? a.example:0 1.1 keep none"),
    CASE("two question marks", GET("/a?b?c"), "GET /a?b?c a.example:0 1.1 keep none"),
    CASE("encoded path", GET("/a%2Fb/%7B"), "GET /a%2Fb/%7B a.example:0 1.1 keep none"),
    CASE("odd but visible path", GET("/a|b{c}[d]\"<>\\^`"), "GET /a|b{c}[d]\"<>\\^` a.example:0 1.1 keep none"),
    CASE("double slash", GET("//a//b"), "GET //a//b a.example:0 1.1 keep none"),
    CASE("path with a colon and at", GET("/a:b@c;d=e,f"), "GET /a:b@c;d=e,f a.example:0 1.1 keep none"),
    CASE("empty line before", "\r\n" GET("/"), "GET / a.example:0 1.1 keep none"),
    CASE("other method", "FROB / HTTP/1.1\r\n" H "\r\n", "FROB / a.example:0 1.1 keep none"),
    CASE("small letters are another method", "get / HTTP/1.1\r\n" H "\r\n", "get / a.example:0 1.1 keep none"),
    CASE("method of odd token characters", "M-SEARCH!#$%&'*+.^_`|~ / HTTP/1.1\r\n" H "\r\n",
         "M-SEARCH!#$%&'*+.^_`|~ / a.example:0 1.1 keep none"),
    CASE("options *", "OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * a.example:0 1.1 keep none"),
    CASE("absolute", "GET http://a.example/x?y HTTP/1.1\r\n" H "\r\n", "GET /x?y a.example:0 1.1 keep none absolute"),
    CASE("absolute, no path", "GET http://a.example HTTP/1.1\r\n" H "\r\n", "GET / a.example:0 1.1 keep none absolute"),
    CASE("absolute, query but no path", "GET http://a.example?q HTTP/1.1\r\n" H "\r\n",
         "GET /?q a.example:0 1.1 keep none absolute"),
    CASE("absolute, https, port", "GET HTTPS://A.example:443/ HTTP/1.1\r\n" H "\r\n",
         "GET / A.example:443 1.1 keep none absolute"),
    CASE("absolute, 1.0, no Host", "GET http://a.example/ HTTP/1.0\r\n\r\n", "GET / a.example:0 1.0 close none absolute"),
    CASE("a target with a URL in it", GET("/go?to=http://b/#x"), "!TARGET"),
    CASE("a URL in the query", GET("/go?to=http://b/"), "GET /go?to=http://b/ a.example:0 1.1 keep none"),
    CASE("host with port", "GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n", "GET / a:8080 1.1 keep none"),
    CASE("host ipv4", "GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", "GET / 127.0.0.1:1 1.1 keep none"),
    CASE("host ipv6", "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", "GET / [::1]:0 1.1 keep none"),
    CASE("host ipv6 with port", "GET / HTTP/1.1\r\nHost: [fe80::1:2.3.4.5]:65535\r\n\r\n",
         "GET / [fe80::1:2.3.4.5]:65535 1.1 keep none"),
    CASE("host with a final dot", "GET / HTTP/1.1\r\nHost: a.example.\r\n\r\n", "GET / a.example.:0 1.1 keep none"),
    CASE("host in any case", "GET / HTTP/1.1\r\nhOST:A_b-C.eXample\r\n\r\n", "GET / A_b-C.eXample:0 1.1 keep none"),
    CASE("no blank behind the colon", "GET / HTTP/1.1\r\nHost:a\r\n\r\n", "GET / a:0 1.1 keep none"),
    CASE("blanks around the value", "GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n", "GET / a:0 1.1 keep none"),
    CASE("1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "GET / :0 1.0 close none"),
    CASE("1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / :0 1.0 keep none"),
    CASE("1.0 keep-alive and close", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "GET / :0 1.0 close none"),
    CASE("length", WITH("Content-Length: 5\r\n") "hello", "POST /p a.example:0 1.1 keep length=5"),
    CASE("length 0", WITH("content-length: 0\r\n"), "POST /p a.example:0 1.1 keep length=0"),
    CASE("length with leading zeros", WITH("Content-Length: 007\r\n"), "POST /p a.example:0 1.1 keep length=7"),
    CASE("longest length", WITH("Content-Length: 9223372036854775807\r\n"),
         "POST /p a.example:0 1.1 keep length=9223372036854775807"),
    CASE("length on 1.0", "POST /p HTTP/1.0\r\nContent-Length: 5\r\n\r\n", "POST /p :0 1.0 close length=5"),
    CASE("chunked", WITH("Transfer-Encoding: chunked\r\n"), "POST /p a.example:0 1.1 keep chunked"),
    CASE("chunked in any case", WITH("TRANSFER-ENCODING: Chunked\r\n"), "POST /p a.example:0 1.1 keep chunked"),
    CASE("close", WITH("Connection: close\r\n"), "POST /p a.example:0 1.1 close none"),
    CASE("close among others", WITH("Connection: foo , CLOSE\r\n"), "POST /p a.example:0 1.1 close none listed"),
    CASE("close in a second field", WITH("Connection: keep-alive\r\nConnection: close\r\n"),
         "POST /p a.example:0 1.1 close none"),
    CASE("empty elements", WITH("Connection: ,, ,keep-alive,\r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("a longer word is not close", WITH("Connection: closed\r\n"), "POST /p a.example:0 1.1 keep none listed"),
    CASE("expect", WITH("Expect: 100-Continue\r\nContent-Length: 1\r\n"), "POST /p a.example:0 1.1 keep length=1 expect"),
    CASE("expect on 1.0 means nothing", "POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", "POST / :0 1.0 close none"),
    CASE("upgrade", WITH("Connection: Upgrade\r\nUpgrade: websocket\r\n"), "POST /p a.example:0 1.1 keep none upgrade"),
    CASE("upgrade without the field", WITH("Connection: Upgrade\r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("upgrade without the option", WITH("Upgrade: websocket\r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("upgrade on 1.0", "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "GET / :0 1.0 close none"),
    CASE("empty value", WITH("X-Empty:\r\nX-Blank:   \r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("obs-text in a value", WITH("X-Name: J\xc3\xbcrgen \xff\r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("tab in a value", WITH("X-Tab: a\tb\r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("odd token characters in a name", WITH("!#$%&'*+-.^_`|~09azAZ: v\r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("the same name twice", WITH("X-A: 1\r\nX-A: 2\r\nCookie: a\r\nCookie: b\r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("long name", WITH("X-" X100 ": 1\r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("long value", WITH("X: " X100 X100 X100 "\r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("a colon in the value", WITH("X: a:b::\r\n"), "POST /p a.example:0 1.1 keep none"),
    CASE("another message behind", GET("/1") GET("/2"), "GET /1 a.example:0 1.1 keep none"),
    CASE("junk behind", GET("/1") "\n\0\n", "GET /1 a.example:0 1.1 keep none"),
    /* -- not all there */
    CASE("one byte", "G", "..."),
    CASE("method only", "GET ", "..."),
    CASE("target only", "GET /", "..."),
    CASE("half a version", "GET / HTT", "..."),
    CASE("no LF", "GET / HTTP/1.1\r", "..."),
    CASE("request line only", "GET / HTTP/1.1\r\n", "..."),
    CASE("half a name", "GET / HTTP/1.1\r\nHos", "..."),
    CASE("half a value", "GET / HTTP/1.1\r\nHost: a", "..."),
    CASE("no empty line", "GET / HTTP/1.1\r\nHost: a\r\n", "..."),
    CASE("CR of the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\r", "..."),
    CASE("an empty line only", "\r\n", "..."),
    /* -- framing that two readers could see differently */
    CASE("length and chunked", WITH("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "!LENGTH_AND_TE"),
    CASE("chunked and length", WITH("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "!LENGTH_AND_TE"),
    CASE("length 0 and chunked", WITH("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), "!LENGTH_AND_TE"),
    CASE("length and an unknown coding", WITH("Content-Length: 5\r\nTransfer-Encoding: x\r\n"), "!LENGTH_AND_TE"),
    CASE("xchunked", WITH("Transfer-Encoding: xchunked\r\n"), "!TE"),
    CASE("chunkedx", WITH("Transfer-Encoding: chunkedx\r\n"), "!TE"),
    CASE("gzip, chunked", WITH("Transfer-Encoding: gzip, chunked\r\n"), "!TE"),
    CASE("chunked, gzip", WITH("Transfer-Encoding: chunked, gzip\r\n"), "!TE"),
    CASE("chunked, chunked", WITH("Transfer-Encoding: chunked, chunked\r\n"), "!TE"),
    CASE("chunked, identity", WITH("Transfer-Encoding: chunked, identity\r\n"), "!TE"),
    CASE("identity", WITH("Transfer-Encoding: identity\r\n"), "!TE"),
    CASE("chunked with a comma", WITH("Transfer-Encoding: chunked,\r\n"), "!TE"),
    CASE("chunked with a parameter", WITH("Transfer-Encoding: chunked;a=b\r\n"), "!TE"),
    CASE("chunked in quotes", WITH("Transfer-Encoding: \"chunked\"\r\n"), "!TE"),
    CASE("empty coding", WITH("Transfer-Encoding:\r\n"), "!TE"),
    CASE("coding twice", WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "!TE_MANY"),
    CASE("coding twice, one unknown", WITH("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), "!TE_MANY"),
    CASE("chunked on 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "!TE_HTTP10"),
    CASE("blank before the colon", WITH("Transfer-Encoding : chunked\r\n"), "!HEADER_NAME"),
    CASE("tab before the colon", WITH("Transfer-Encoding\t: chunked\r\n"), "!HEADER_NAME"),
    CASE("VT before chunked", WITH("Transfer-Encoding: \x0b" "chunked\r\n"), "!HEADER_VALUE"),
    CASE("FF behind chunked", WITH("Transfer-Encoding: chunked\x0c\r\n"), "!HEADER_VALUE"),
    CASE("obs-text behind chunked", WITH("Transfer-Encoding: chunked\xa0\r\n"), "!TE"),
    CASE("NUL in the coding's name", WITH("Transfer\0-Encoding: chunked\r\n"), "!HEADER_NAME"),
    CASE("two lengths", WITH("Content-Length: 5\r\nContent-Length: 6\r\n"), "!LENGTH_MANY"),
    CASE("two equal lengths", WITH("Content-Length: 5\r\nContent-Length: 5\r\n"), "!LENGTH_MANY"),
    CASE("a list of lengths", WITH("Content-Length: 5, 5\r\n"), "!LENGTH"),
    CASE("a list of different lengths", WITH("Content-Length: 5,6\r\n"), "!LENGTH"),
    CASE("+5", WITH("Content-Length: +5\r\n"), "!LENGTH"),
    CASE("-5", WITH("Content-Length: -5\r\n"), "!LENGTH"),
    CASE("0x5", WITH("Content-Length: 0x5\r\n"), "!LENGTH"),
    CASE("5.0", WITH("Content-Length: 5.0\r\n"), "!LENGTH"),
    CASE("1e1", WITH("Content-Length: 1e1\r\n"), "!LENGTH"),
    CASE("5 5", WITH("Content-Length: 5 5\r\n"), "!LENGTH"),
    CASE("empty length", WITH("Content-Length:\r\n"), "!LENGTH"),
    CASE("length in quotes", WITH("Content-Length: \"5\"\r\n"), "!LENGTH"),
    CASE("length over 2^63", WITH("Content-Length: 9223372036854775808\r\n"), "!LENGTH"),
    CASE("length of 20 digits", WITH("Content-Length: 10000000000000000000\r\n"), "!LENGTH"),
    CASE("length that wraps", WITH("Content-Length: 18446744073709551621\r\n"), "!LENGTH"),
    CASE("length of many zeros", WITH("Content-Length: 00000000000000000005\r\n"), "!LENGTH"),
    CASE("length in other digits", WITH("Content-Length: \xd9\xa5\r\n"), "!LENGTH"),
    /* -- line ends */
    CASE("bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "!LINE_END"),
    CASE("bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", "!LINE_END"),
    CASE("bare LF as the last line", "GET / HTTP/1.1\r\nHost: a\r\n\n", "!LINE_END"),
    CASE("only LF", "GET / HTTP/1.1\nHost: a\n\n", "!LINE_END"),
    CASE("LF before the request", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "!LINE_END"),
    CASE("CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "!LINE_END"),
    CASE("bare CR in a value", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "!LINE_END"),
    CASE("bare CR before a name", "GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", "!LINE_END"),
    CASE("bare CR in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\r: b\r\n\r\n", "!HEADER_NAME"),
    CASE("LF in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\n: b\r\n\r\n", "!LINE_END"),
    CASE("two empty lines before", "\r\n\r\n" GET("/"), "!METHOD"),
    CASE("folded value", WITH("X: a\r\n b\r\n"), "!FOLD"),
    CASE("folded value with a tab", WITH("X: a\r\n\tb\r\n"), "!FOLD"),
    CASE("blank before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "!FOLD"),
    CASE("a line of blanks", WITH("X: a\r\n \r\n"), "!FOLD"),
    /* -- fields */
    CASE("no colon", WITH("X-Field\r\n"), "!HEADER_NAME"),
    CASE("empty name", WITH(": v\r\n"), "!HEADER_NAME"),
    CASE("blank in a name", WITH("X Field: v\r\n"), "!HEADER_NAME"),
    CASE("slash in a name", WITH("X/Y: v\r\n"), "!HEADER_NAME"),
    CASE("paren in a name", WITH("X(: v\r\n"), "!HEADER_NAME"),
    CASE("brace in a name", WITH("{x}: v\r\n"), "!HEADER_NAME"),
    CASE("quote in a name", WITH("\"x\": v\r\n"), "!HEADER_NAME"),
    CASE("comma in a name", WITH("a,b: v\r\n"), "!HEADER_NAME"),
    CASE("obs-text in a name", WITH("X\xe9: v\r\n"), "!HEADER_NAME"),
    CASE("NUL in a name", WITH("X\0Y: v\r\n"), "!HEADER_NAME"),
    CASE("DEL in a name", WITH("X\x7f: v\r\n"), "!HEADER_NAME"),
    CASE("bad byte behind a long name", WITH("Abcdefghijklmnopqrstuvw@: v\r\n"), "!HEADER_NAME"),
    CASE("NUL in a value", WITH("X: a\0b\r\n"), "!HEADER_VALUE"),
    CASE("ESC in a value", WITH("X: a\x1b[31m\r\n"), "!HEADER_VALUE"),
    CASE("DEL in a value", WITH("X: a\x7f\r\n"), "!HEADER_VALUE"),
    CASE("control byte 20 bytes in", WITH("X: 01234567890123456789\x01\r\n"), "!HEADER_VALUE"),
    /* -- the request line */
    CASE("empty method", " / HTTP/1.1\r\n" H "\r\n", "!METHOD"),
    CASE("method with a slash", "GE/T / HTTP/1.1\r\n" H "\r\n", "!METHOD"),
    CASE("method with a colon", "GET: / HTTP/1.1\r\n" H "\r\n", "!METHOD"),
    CASE("tab behind the method", "GET\t/ HTTP/1.1\r\n" H "\r\n", "!METHOD"),
    CASE("NUL in the method", "G\0T / HTTP/1.1\r\n" H "\r\n", "!METHOD"),
    CASE("a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "!METHOD"),
    CASE("method of 33 bytes", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" H "\r\n", "!METHOD_LONG"),
    CASE("CONNECT", "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n", "!CONNECT"),
    CASE("CONNECT with a path", "CONNECT / HTTP/1.1\r\n" H "\r\n", "!CONNECT"),
    CASE("two blanks behind the method", "GET  / HTTP/1.1\r\n" H "\r\n", "!REQUEST_LINE"),
    CASE("two blanks behind the target", "GET /  HTTP/1.1\r\n" H "\r\n", "!VERSION"),
    CASE("blank in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", "!VERSION"),
    CASE("tab behind the target", "GET /\tHTTP/1.1\r\n" H "\r\n", "!TARGET"),
    CASE("blank behind the version", "GET / HTTP/1.1 \r\n" H "\r\n", "!VERSION"),
    CASE("blank before the method", " GET / HTTP/1.1\r\n" H "\r\n", "!METHOD"),
    CASE("method alone", "GET\r\n\r\n", "!REQUEST_LINE"),
    CASE("HTTP/0.9", "GET /\r\n", "!REQUEST_LINE"),
    CASE("HTTP/0.9 with its number", "GET / HTTP/0.9\r\n" H "\r\n", "!VERSION_OTHER"),
    CASE("HTTP/1.2", "GET / HTTP/1.2\r\n" H "\r\n", "!VERSION_OTHER"),
    CASE("HTTP/2.0", "GET / HTTP/2.0\r\n" H "\r\n", "!VERSION_OTHER"),
    CASE("the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!VERSION_OTHER"),
    CASE("HTTP/1.10", "GET / HTTP/1.10\r\n" H "\r\n", "!VERSION"),
    CASE("HTTP/11", "GET / HTTP/11\r\n" H "\r\n", "!VERSION"),
    CASE("HTTP/1,1", "GET / HTTP/1,1\r\n" H "\r\n", "!VERSION"),
    CASE("HTTP/01.1", "GET / HTTP/01.1\r\n" H "\r\n", "!VERSION"),
    CASE("http/1.1", "GET / http/1.1\r\n" H "\r\n", "!VERSION"),
    CASE("HTTPS/1.1", "GET / HTTPS/1.1\r\n" H "\r\n", "!VERSION"),
    CASE("no version", "GET / \r\n" H "\r\n", "!VERSION"),
    CASE("NUL in the target", GET("/a\0b"), "!TARGET"),
    CASE("control byte in the target", GET("/a\x01"), "!TARGET"),
    CASE("DEL in the target", GET("/a\x7f"), "!TARGET"),
    CASE("UTF-8 in the target", GET("/\xc3\xa9"), "!TARGET"),
    CASE("latin-1 in the target", GET("/aaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe9"), "!TARGET"),
    CASE("fragment", GET("/a#b"), "!TARGET"),
    CASE("no slash", GET("a"), "!TARGET"),
    CASE("a query only", GET("?a"), "!TARGET"),
    CASE("* for GET", GET("*"), "!TARGET"),
    CASE("*/ for OPTIONS", "OPTIONS */ HTTP/1.1\r\n" H "\r\n", "!TARGET"),
    CASE("authority form", GET("a.example:80"), "!TARGET"),
    CASE("other scheme", GET("ftp://a.example/"), "!TARGET"),
    CASE("scheme without slashes", GET("http:/a.example/"), "!TARGET"),
    CASE("absolute without a host", GET("http:///x"), "!TARGET"),
    CASE("absolute with user info", GET("http://u:p@a.example/"), "!TARGET"),
    CASE("absolute with a bad port", GET("http://a.example:99999/"), "!TARGET"),
    CASE("absolute with another Host", GET("http://b.example/"), "!HOST_DIFFERS"),
    CASE("absolute with another port", GET("http://a.example:81/"), "!HOST_DIFFERS"),
    CASE("absolute with the other default port", GET("https://a.example:80/"), "!HOST_DIFFERS"),
    /* -- Host */
    CASE("no Host", "GET / HTTP/1.1\r\n\r\n", "!HOST_MISSING"),
    CASE("no Host, absolute", "GET http://a/ HTTP/1.1\r\nX: y\r\n\r\n", "!HOST_MISSING"),
    CASE("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "!HOST_MANY"),
    CASE("two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", "!HOST_MANY"),
    CASE("two Hosts on 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "!HOST_MANY"),
    CASE("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "!HOST"),
    CASE("Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "!HOST"),
    CASE("Host with a comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "!HOST"),
    CASE("Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "!HOST"),
    CASE("Host with user info", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "!HOST"),
    CASE("Host with a query", "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", "!HOST"),
    CASE("Host with obs-text", "GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", "!HOST"),
    CASE("Host with an escape", "GET / HTTP/1.1\r\nHost: %61\r\n\r\n", "!HOST"),
    CASE("Host with an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "!HOST"),
    CASE("Host with port 0", "GET / HTTP/1.1\r\nHost: a:0\r\n\r\n", "!HOST"),
    CASE("Host with a big port", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "!HOST"),
    CASE("Host with a long port", "GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n", "!HOST"),
    CASE("Host with two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", "!HOST"),
    CASE("Host of a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "!HOST"),
    CASE("Host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "!HOST"),
    CASE("Host with empty brackets", "GET / HTTP/1.1\r\nHost: []\r\n\r\n", "!HOST"),
    CASE("Host with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n", "!HOST"),
    CASE("Host with junk behind brackets", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "!HOST"),
    CASE("other expectation", WITH("Expect: 200-ok\r\n"), "!EXPECT"),
    CASE("expectation twice", WITH("Expect: 100-continue\r\nExpect: 100-continue\r\n"), "!EXPECT"),
    /* -- bounds of this test: head 700, target 64, 8 fields */
    CASE("target of 64", GET("/" "123456789012345678901234567890123456789012345678901234567890123"),
         "GET /123456789012345678901234567890123456789012345678901234567890123 a.example:0 1.1 keep none"),
    CASE("target of 65", GET("/" "1234567890123456789012345678901234567890123456789012345678901234"), "!TARGET_LONG"),
    CASE("endless target", "GET /" X100, "!TARGET_LONG"),
    CASE("eight fields", "GET / HTTP/1.1\r\n" H "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\n\r\n", "GET / a.example:0 1.1 keep none"),
    CASE("nine fields", "GET / HTTP/1.1\r\n" H "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\nI:\r\n\r\n", "!HEADERS_MANY"),
    CASE("long head", WITH("X: " X100 X100 X100 X100 X100 X100 X100 "\r\n"), "!HEAD_LONG"),
    CASE("endless value", "GET / HTTP/1.1\r\n" H "X: " X100 X100 X100 X100 X100 X100 X100, "!HEAD_LONG"),
    CASE("endless name", "GET / HTTP/1.1\r\n" H X100 X100 X100 X100 X100 X100 X100, "!HEAD_LONG"),
};

static const struct h1_limits limits = {700, 64, 8};

/* Parses a copy that is exactly n bytes long, so that a sanitizer sees every byte too far. */
static int parse(const char *bytes, size_t n, size_t *scanned, char *text, size_t size)
{
    struct h1_header headers[16];
    struct h1_head h = {.headers = headers, .headers_cap = ARRAY_LEN(headers)};
    char *copy = malloc(n == 0 ? 1 : n);
    int rc;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, n);
    rc = h1_parse_request(copy, n, scanned, &limits, &h);
    h1_summary(&h, rc, text, size);
    free(copy);
    return rc;
}

START_TEST(request_table)
{
    const struct h1_case *c = &cases[_i];
    char text[512];
    size_t scanned = 0;

    (void)parse(c->bytes, c->n, &scanned, text, sizeof(text));
    ck_assert_msg(strcmp(text, c->want) == 0, "%s: is \"%s\", should be \"%s\"", c->name, text, c->want);
}
END_TEST

/* Whatever the bytes were cut into, the answer is the same; a refusal may only come later, at the next line end. */
START_TEST(request_at_every_split)
{
    const struct h1_case *c = &cases[_i];
    char whole[512], text[512];
    size_t scanned = 0;
    int rc = parse(c->bytes, c->n, &scanned, whole, sizeof(whole));

    for (size_t cut = 1; cut < c->n; cut++) {
        size_t hint = 0;
        int first = parse(c->bytes, cut, &hint, text, sizeof(text));

        if (first == 0)
            first = parse(c->bytes, c->n, &hint, text, sizeof(text));
        if (first != 0 || rc >= 0)
            ck_assert_msg(strcmp(text, whole) == 0, "%s cut at %zu: \"%s\", whole \"%s\"", c->name, cut, text, whole);
    }
    for (size_t n = 1, hint = 0; n <= c->n; n++) {
        int step = parse(c->bytes, n, &hint, text, sizeof(text));

        if (step == 0 && n < c->n)
            continue;
        if (step != 0 || rc >= 0)
            ck_assert_msg(strcmp(text, whole) == 0 && step == rc, "%s byte by byte: \"%s\"", c->name, text);
        break;
    }
}
END_TEST

START_TEST(request_fields)
{
    static const char bytes[] = "GET /a?b HTTP/1.1\r\nHost: h:1\r\nX-One:  1 \r\nConnection: x-one, Close\r\nCookie: a\r\nCookie: b\r\n\r\nrest";
    struct h1_header headers[8];
    struct h1_head h = {.headers = headers, .headers_cap = 8};
    size_t scanned = 0;
    int rc = h1_parse_request(bytes, sizeof(bytes) - 1, &scanned, &limits, &h);

    ck_assert_int_eq(rc, (int)sizeof(bytes) - 5);
    ck_assert_uint_eq(h.n_headers, 5);
    ck_assert_int_eq(h.method, HTTP_METHOD_GET);
    ck_assert(slice_is(h.target, "/a?b") && slice_is(h.authority, "h:1"));
    ck_assert(slice_is(h.headers[1].name, "X-One") && slice_is(h.headers[1].value, "1"));
    ck_assert_uint_eq(h.headers[1].id, HTTP_HEADER_OTHER);
    ck_assert_ptr_eq(h1_head_get(&h, HTTP_HEADER_COOKIE), &h.headers[3]);
    ck_assert_ptr_null(h1_head_get(&h, HTTP_HEADER_ACCEPT));
    ck_assert_ptr_eq(h1_head_find(&h, SLICE_LIT("x-ONE")), &h.headers[1]);
    ck_assert_ptr_null(h1_head_find(&h, SLICE_LIT("x-two")));
    ck_assert(h1_connection_names(&h, SLICE_LIT("X-One")) && !h1_connection_names(&h, SLICE_LIT("x-on")));
    ck_assert(h.connection_listed && !h.keep_alive);
    ck_assert_uint_eq(h.present, (uint64_t)1 << HTTP_HEADER_HOST | (uint64_t)1 << HTTP_HEADER_CONNECTION |
                                     (uint64_t)1 << HTTP_HEADER_COOKIE);
}
END_TEST

START_TEST(caps_of_the_caller)
{
    struct h1_header headers[2];
    struct h1_head h = {.headers = headers, .headers_cap = 2};
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n";
    size_t scanned = 0;

    ck_assert_int_eq(h1_parse_request(bytes, sizeof(bytes) - 1, &scanned, &limits, &h), -H1_ERR_HEADERS_MANY);
    ck_assert_uint_eq(h1_error_status(H1_ERR_HEADERS_MANY), 431);
    ck_assert_uint_eq(h1_error_status(H1_ERR_TARGET_LONG), 414);
    ck_assert_uint_eq(h1_error_status(H1_ERR_CONNECT), 501);
    ck_assert_uint_eq(h1_error_status(H1_ERR_VERSION_OTHER), 505);
    ck_assert_uint_eq(h1_error_status(-1), 400);
    ck_assert_str_eq(h1_error_name(1000), "unknown");
    ck_assert_int_eq(h1_parse_request(bytes, 0, &scanned, &limits, &h), 0);
}
END_TEST

Suite *test_h1_request_suite(void)
{
    Suite *s = suite_create("h1_request");
    TCase *t = tcase_create("all");

    tcase_add_loop_test(t, request_table, 0, (int)ARRAY_LEN(cases));
    tcase_add_loop_test(t, request_at_every_split, 0, (int)ARRAY_LEN(cases));
    tcase_add_test(t, request_fields);
    tcase_add_test(t, caps_of_the_caller);
    suite_add_tcase(s, t);
    return s;
}
