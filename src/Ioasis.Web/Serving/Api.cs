using System.Globalization;
using Ioasis.Diagnostics.Events;
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
    /// <param name="routes">Gets them.</param>
    /// <param name="source">The machine.</param>
    /// <param name="answers">Asks it.</param>
    /// <param name="streams">Sends what goes on.</param>
    public static void Map(
        IEndpointRouteBuilder routes, IMachineSource source, Answers answers, EventStreams streams)
    {
        RouteGroupBuilder api = routes.MapGroup("/api");
        api.MapGet("/about", () => Results.Json(new { kind = source.Kind, title = source.Title }));
        api.MapGet("/state", (CancellationToken stop) => answers.Line(new ControlRequest("state"), stop));
        api.MapGet("/faults", (CancellationToken stop) => answers.Answer(new ControlRequest("faults"), stop));
        api.MapGet("/findings", (CancellationToken stop) => answers.Answer(new ControlRequest("findings"), stop));
        api.MapGet("/findings/live", (HttpContext context) =>
            streams.Send(context, new ControlRequest("subscribe", Kinds: "findings")));
        api.MapGet("/walk", (string device, string address, uint? pasid, bool? write, CancellationToken stop) =>
            TryParse(address, 0, out ulong at)
                ? answers.Answer(new ControlRequest("walk", device, pasid, at, write ?? false), stop)
                : NoAddress(address));
        api.MapGet("/maps", (int context, uint ioas, string? first, string? last, int? most, CancellationToken stop) =>
            Runs("maps", context, ioas, first, last, most, stop));
        api.MapGet("/dirty", (int context, uint hwpt, string? first, string? last, int? most, CancellationToken stop) =>
            Runs("dirty", context, hwpt, first, last, most, stop));
        api.MapGet("/changes", (HttpContext context) =>
            streams.Send(context, new ControlRequest("subscribe", Kinds: "changes")));
        api.MapGet("/events", (HttpContext context, string? kinds) =>
            kinds is not "faults" && EventNames.TryRead(kinds, out _) is { } unknown
                ? Answers.Refuse($"\"{unknown}\" is no kind of event").ExecuteAsync(context)
                : streams.Send(context, new ControlRequest("subscribe", Kinds: kinds)));

        Task<IResult> Runs(
            string verb, int context, uint id, string? first, string? last, int? most, CancellationToken stop) =>
            !TryParse(first, 0, out ulong from) ? NoAddress(first)
            : !TryParse(last, ulong.MaxValue, out ulong to) ? NoAddress(last)
            : answers.Line(new ControlRequest(
                verb, Context: context, Object: id, First: from, Last: to, Most: most ?? 1000), stop);
    }

    private static Task<IResult> NoAddress(string? text) =>
        Task.FromResult(Answers.Refuse($"\"{text}\" is no address such as 0x1000 or 4096"));

    private static bool TryParse(string? text, ulong without, out ulong value)
    {
        value = without;
        return text is null || (text.StartsWith("0x", StringComparison.Ordinal)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value));
    }
}
