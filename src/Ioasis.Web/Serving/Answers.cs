using System.Text.Json;
using Ioasis.Diagnostics;
using Ioasis.Host.Control;
using Ioasis.Web.Sources;
using Microsoft.AspNetCore.Http;

namespace Ioasis.Web.Serving;

/// <summary>
/// Asks the machine for pages. Only a few questions are under way at a time: a supervisor serves few askers, and pages
/// are not the only ones.
/// </summary>
internal sealed class Answers(IMachineSource source) : IDisposable
{
    private const int MostAtATime = 4;

    private readonly SemaphoreSlim _places = new(MostAtATime);

    /// <summary>The line of JSON that answers a question, as it is.</summary>
    public Task<IResult> Line(ControlRequest request, CancellationToken stop) =>
        Ask(request, line => Results.Bytes(line, "application/json"), stop);

    /// <summary>The answer in the form of the page's other answers.</summary>
    public Task<IResult> Answer(ControlRequest request, CancellationToken stop) => Ask(request, line =>
        JsonSerializer.Deserialize<ControlAnswer>(line.Span) is { Error: null } answer
            ? Results.Json(answer, DiagnosticsJson.Line)
            : throw new IOException("the supervisor gave no answer"), stop);

    /// <summary>The answer to a question that is wrong.</summary>
    public static IResult Refuse(string why, int status = StatusCodes.Status400BadRequest) =>
        Results.Json(new { error = why }, statusCode: status);

    /// <summary>The answer where the machine gave none.</summary>
    public static IResult Of(IOException e) =>
        Refuse(e.Message, e is NoProgramException ? StatusCodes.Status410Gone : StatusCodes.Status400BadRequest);

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    private async Task<IResult> Ask(
        ControlRequest request, Func<ReadOnlyMemory<byte>, IResult> show, CancellationToken stop)
    {
        await _places.WaitAsync(stop);
        try
        {
            return await Task.Run(() => show(source.Ask(request)), stop); // a connection blocks
        }
        catch (IOException e)
        {
            return Of(e);
        }
        finally
        {
            _places.Release();
        }
    }
}
