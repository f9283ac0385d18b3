using Ioasis.Web.Lessons;
using Ioasis.Web.Sources;
using Microsoft.AspNetCore.Http;

namespace Ioasis.Web.Serving;

/// <summary>
/// Leads requests to the machine that they are about. With <c>machine=ID</c> that is a lesson's: its paths lie in a
/// folder of their own, which nobody reaches but by this way.
/// </summary>
internal sealed class MachineChoice(IMachineSource source, LessonBook lessons)
{
    /// <summary>The middleware, after the secret was checked and before the path is looked up.</summary>
    public Task Choose(HttpContext context, RequestDelegate next)
    {
        HttpRequest request = context.Request;
        if (!request.Path.StartsWithSegments("/api"))
        {
            // Such a path has passed no check.
            if (!request.Path.StartsWithSegments("/lessons")) return next(context);
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        string? id = request.Query["machine"];
        if (id is not null && !request.Path.StartsWithSegments("/api/lessons"))
        {
            if (lessons.Find(id) is not { } place)
                return Answers.Refuse("the lesson was left; begin it "
                    + "anew", StatusCodes.Status410Gone).ExecuteAsync(context);
            request.Path = place.Path + request.Path;
        }
        else if (source is RecordingSource && request.Path == "/api/events")
        {
            request.Path = RecordingApi.Events; // they are those of the file, not those of a machine
        }

        return next(context);
    }
}
