using System.Buffers;
using Ioasis.Host.Control;
using Microsoft.AspNetCore.Http;

namespace Ioasis.Web.Serving;

/// <summary>
/// Server-sent events: a line of a subscription each. The last one, <c>end</c>, says that the machine has ended.
/// </summary>
internal sealed class EventStreams(EventHub hub, CancellationToken ends)
{
    // What is sent at once.
    private const int MostBytes = 64 * 1024;

    private static readonly byte[] s_end = "data: {\"event\":\"end\"}\n\n"u8.ToArray();

    // How long a refusal is waited for before the answer begins.
    private static readonly TimeSpan s_refusal = TimeSpan.FromMilliseconds(100);

    /// <summary>Answers a page with the lines of a subscription until it leaves.</summary>
    public async Task Send(HttpContext context, ControlRequest request)
    {
        using EventHub.Reader? reader = hub.TryJoin(request);
        if (reader is null)
        {
            await RefuseAsNoneIsFree(context);
            return;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, ends);
        Task<bool> first = reader.Wait(stop.Token).AsTask();
        try
        {
            await first.WaitAsync(s_refusal, stop.Token);
        }
        catch (TimeoutException)
        {
            // It was not refused, and nothing happens for now.
        }
        catch (OperationCanceledException)
        {
            return;
        }
        catch (IOException e)
        {
            await Answers.Of(e).ExecuteAsync(context);
            return;
        }

        try
        {
            await Write(context, reader, first, stop.Token);
            await context.Response.Body.WriteAsync(s_end, stop.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The page left, or we end.
        }
    }

    /// <summary>Says that there are too many streams.</summary>
    internal static Task RefuseAsNoneIsFree(HttpContext context)
    {
        context.Response.Headers.Connection = "close"; // it would wait among those that are served
        return Answers.Refuse($"{StreamPlaces.Most} streams are open already, or {EventHub.MostSubscriptions} of "
            + "different kinds", StatusCodes.Status503ServiceUnavailable).ExecuteAsync(context);
    }

    private static async Task Write(
        HttpContext context, EventHub.Reader reader, Task<bool> first, CancellationToken stop)
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync(stop);
        var buffer = new ArrayBufferWriter<byte>(4096);
        for (bool isThere = await first; isThere; isThere = await reader.Wait(stop))
        {
            buffer.ResetWrittenCount();
            while (buffer.WrittenCount < MostBytes && reader.TryTake(out ReadOnlyMemory<byte> line))
            {
                buffer.Write("data: "u8);
                buffer.Write(line.Span);
                buffer.Write("\n\n"u8);
            }

            // Waits while the page does not read; what comes meanwhile is counted.
            await context.Response.Body.WriteAsync(buffer.WrittenMemory, stop);
            await context.Response.Body.FlushAsync(stop);
        }
    }
}
