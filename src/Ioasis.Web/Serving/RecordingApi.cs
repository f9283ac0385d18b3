using System.Globalization;
using Ioasis.Web.Sources;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Ioasis.Web.Serving;

/// <summary>The paths of a recording: where it is, to another place, and its events.</summary>
internal static class RecordingApi
{
    /// <summary>Where requests for <c>/api/events</c> go that are for a recording.</summary>
    internal const string Events = "/api/recording/events";

    /// <summary>Adds the paths. They refuse where no recording is shown.</summary>
    /// <param name="routes">Gets the paths.</param>
    /// <param name="recording">The recording; null for none.</param>
    /// <param name="places">The places for streams.</param>
    public static void Map(IEndpointRouteBuilder routes, RecordingSource? recording, StreamPlaces places)
    {
        routes.MapGet("/api/position", () => recording is null ? NoRecording() : Results.Json(recording.Position));
        routes.MapPost("/api/position", async (string? at, CancellationToken stop) =>
        {
            if (recording is null) return NoRecording();
            if (!int.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out int line))
                return Answers.Refuse($"\"{at}\" is no number of lines");
            try
            {
                return Results.Json(await recording.Move(line, stop));
            }
            catch (IOException e)
            {
                return Answers.Of(e);
            }
        });
        routes.MapGet(Events, (HttpContext context, string? kinds) =>
        {
            if (recording is null) return NoRecording();
            if (!places.TryTake()) return new TooManyStreams();
            context.Response.OnCompleted(() =>
            {
                places.GiveBack();
                return Task.CompletedTask;
            });
            try
            {
                return TypedResults.ServerSentEvents(recording.Events(kinds, EndOf(context)));
            }
            catch (IOException e)
            {
                return Answers.Of(e);
            }
        });
    }

    // A stream ends with its page, or with the server.
    private static CancellationToken EndOf(HttpContext context)
    {
        var both = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted,
            context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        context.Response.RegisterForDispose(both);
        return both.Token;
    }

    private sealed class TooManyStreams : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => EventStreams.RefuseAsNoneIsFree(httpContext);
    }

    private static IResult NoRecording() => Answers.Refuse("only a recording has a position");
}
