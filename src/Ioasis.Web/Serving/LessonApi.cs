using System.Globalization;
using Ioasis.Web.Lessons;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Ioasis.Web.Serving;

/// <summary>The paths of lessons: which there are, to begin one, and, of one that was begun, its next step.</summary>
internal static class LessonApi
{
    /// <summary>Adds the paths.</summary>
    public static void Map(IEndpointRouteBuilder routes, LessonBook lessons)
    {
        routes.MapGet("/api/lessons", () => Results.Json(LessonBook.All.Select(l => new
        {
            name = l.Name,
            title = l.Title,
            about = l.About,
            steps = l.Steps.Count,
        })));
        routes.MapPost("/api/lessons/{name}", (string name) => Try(() => new { machine = lessons.Begin(name) }));
        routes.MapGet("/api/lesson", () => Answers.Refuse("no lesson was begun"));
        foreach (LessonPlace place in lessons.AllPlaces)
        {
            RouteGroupBuilder one = routes.MapGroup(place.Path + "/api/lesson");
            one.MapGet("", () => Of(place, Tell));
            one.MapPost("/next", (string? at) =>
                int.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out int done)
                    ? Of(place, run =>
                    {
                        run.Next(done);
                        return Tell(run);
                    })
                    : Answers.Refuse($"\"{at}\" is no number of steps"));
            one.MapPost("/leave", () => Of(place, _ =>
            {
                place.Leave();
                return new { left = true };
            }));
        }
    }

    private static IResult Of(LessonPlace place, Func<LessonRun, object> answer) => place.Run is { } run
        ? Try(() => answer(run))
        : Answers.Refuse("the lesson was left; begin it anew", StatusCodes.Status410Gone);

    private static object Tell(LessonRun run) => new
    {
        name = run.Lesson.Name,
        title = run.Lesson.Title,
        about = run.Lesson.About,
        steps = run.Lesson.Steps.Select(s => new { title = s.Title, c = s.C, csharp = s.CSharp }),
        done = run.Done,
        picture = run.Picture,
    };

    private static IResult Try(Func<object> answer)
    {
        try
        {
            return Results.Json(answer());
        }
        catch (LessonException e)
        {
            return Answers.Refuse(e.Message);
        }
    }
}
