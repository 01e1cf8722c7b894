//! A sample of ordinary traffic, from which the filter learns which bytes seldom stand together. What matters is only
//! that it looks like headers, addresses, JSON and prose; it is read once, when the filter is compiled.

/// The sample.
pub(super) const SAMPLE: &str = r#"
{"id":"ord_20931","status":"active","created_at":"2026-03-14T09:26:53Z","updated_at":"2026-03-15T10:00:00.000Z","customer":{"id":48121,
"first_name":"Maria","last_name":"Hernandez","email":"maria.hernandez@example.com","phone":"+1 555 0134","address":{"street":"221 Baker Street",
"city":"London","postal_code":"NW1 6XE","country":"GB"}},"items":[{"sku":"AB-1001-XL","name":"Cotton shirt, blue","quantity":2,"unit_price":19.95,
"currency":"EUR","description":"A comfortable shirt for every day; machine washable at 40 degrees."},{"sku":"CD-2002","name":"Running shoes","quantity":1,
"unit_price":89.00,"currency":"EUR","tags":["sport","outdoor","sale"]}],"total":128.9,"notes":"Please leave the parcel with the neighbour if no one is home.",
"metadata":{"source":"web","campaign":"spring-2026","user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0
Safari/537.36","request_id":"7c9e6679-7425-40de-944b-e07fc1f90ae7","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"},"links":{"self":"https://api.example.com/v1/orders/20931",
"next":null},"page":1,"per_page":50,"total_count":1824,"sort":"-created_at","filter":{"state":"open","type":"invoice"},"enabled":true,"deleted":false}
accept: application/json, text/plain, */* accept-encoding: gzip, deflate, br accept-language: en-US,en;q=0.9,de;q=0.8 content-type: application/json; charset=utf-8
authorization: Bearer x-forwarded-for: 10.12.0.7 x-request-id: traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 cache-control: no-cache
referer: https://www.example.com/products/list?category=books&page=2&limit=20 if-none-match: W/"33a64df551425fcc55e4d42a148795d9f25f89d4" connection: keep-alive
origin: https://app.example.com user-agent: Go-http-client/1.1 kube-probe/1.30 python-requests/2.31.0 curl/8.5.0 okhttp/4.12.0 host: orders.shop.svc.cluster.local:8080
/api/v2/users/48121/orders?include=items,customer&from=2026-01-01&to=2026-02-01&fields=id,name,status /static/js/main.4f2c8a.js /images/products/logo.png /healthz /metrics
The quick question is whether we should update the documentation before the release or after it. There are several options: first, we could ask the team to review the
changes and select the best one; second, the order of the steps could be different for each group. I think that where there is a problem with the service, it's important
to look at the logs and find out what happened. When the request fails, the server returns an error message with the details, and the client should try again later.
She said that her account had been created in January and that she had never received the confirmation; could you please check the information and send it again? Thanks
in advance, and have a nice weekend. This version adds support for new types of events, improves performance by about 20 percent and fixes a number of bugs in the user
interface. To use it, set the value of the option in the configuration file and restart the application. If you have any questions about the project, open an issue with
a short description of the expected behaviour, the steps to reproduce it, and the output of the command. The function returns the list of all users whose name contains the
given string. Error handling: the process is stopped when the connection is closed or the timeout is reached, and the result is null. For example, create a table with the
columns name, type and description, insert a few rows and count them. What is the population of the largest city in the state? Show me the names of students having more than
three courses. level=info ts=2026-03-14T09:26:53.123Z caller=main.go:42 msg="request completed" method=GET path=/v1/items status=200 duration=12.3ms bytes=5120 user=system
name: frontend namespace: default labels: app: web tier: backend spec: replicas: 3 template: containers: image: registry.example.com/team/app:v1.2.3 ports: containerPort: 8080
return self.client.get(url, params=params) if (value === undefined) { return null; } const result = await fetch(path); for item in list: print(item) public static void main
"#;
