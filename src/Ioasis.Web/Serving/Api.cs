using System.Globalization;
using System.Text.Json;
using Ioasis.Diagnostics;
using Ioasis.Host.Control;
using Ioasis.Web.Sources;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Ioasis.Web.Serving;

/// <summary>
/// What the page asks: the questions of the control socket as URLs. Addresses are text, as JavaScript reads a number as
/// a double.
/// </summary>
internal static class Api
{
    /// <summary>Adds the paths below <c>/api</c>.</summary>
    public static void Map(IEndpointRouteBuilder routes, IMachineSource source)
    {
        var hub = new EventHub(source);
        RouteGroupBuilder api = routes.MapGroup("/api");
        api.MapGet("/about", () => Results.Json(new { kind = source.Kind, title = source.Title }));
        api.MapGet("/state", () => Try(() => Results.Bytes(source.Ask(new ControlRequest("state")), "application/json")));
        api.MapGet("/faults", () => Ask(source, new ControlRequest("faults")));
        api.MapGet("/findings", () => Ask(source, new ControlRequest("findings")));
        api.MapGet("/findings/live", (CancellationToken stop) => TypedResults.ServerSentEvents(
            hub.Read("findings", new ControlRequest("subscribe", Kinds: "findings"), stop)));
        api.MapGet("/walk", (string device, string address, uint? pasid, bool? write) => TryParse(address, out ulong at)
            ? Ask(source, new ControlRequest("walk", device, pasid, at, write ?? false))
            : Refuse($"\"{address}\" is no address such as 0x1000 or 4096"));
        api.MapGet("/events", (string? kinds, CancellationToken stop) => TypedResults.ServerSentEvents(
            hub.Read("events " + kinds, new ControlRequest("subscribe", Kinds: kinds), stop)));
    }

    private static IResult Ask(IMachineSource source, ControlRequest request) => Try(() =>
        JsonSerializer.Deserialize<ControlAnswer>(source.Ask(request).Span) is { Error: null } answer
            ? Results.Json(answer, DiagnosticsJson.Line)
            : throw new IOException("the supervisor gave no answer"));

    private static IResult Try(Func<IResult> act)
    {
        try
        {
            return act();
        }
        catch (NoProgramException e)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status410Gone);
        }
        catch (IOException e)
        {
            return Refuse(e.Message);
        }
    }

    private static IResult Refuse(string why) =>
        Results.Json(new { error = why }, statusCode: StatusCodes.Status400BadRequest);

    private static bool TryParse(string text, out ulong value) => text.StartsWith("0x", StringComparison.Ordinal)
        ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
        : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
