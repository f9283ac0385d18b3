using Ioasis.Host.Control;

namespace Ioasis.Web.Sources;

/// <summary>
/// A machine that the page shows: of a running program, of a recording, or of a lesson. It answers the questions of the
/// control socket (docs/trace.md).
/// </summary>
internal interface IMachineSource : IDisposable
{
    /// <summary>What it is: <c>program</c>, <c>recording</c> or <c>lesson</c>.</summary>
    string Kind { get; }

    /// <summary>What people call it: the command, the file's name, the lesson.</summary>
    string Title { get; }

    /// <summary>Asks one question; a line of JSON answers it.</summary>
    /// <exception cref="IOException">The machine is gone, or the question is refused.</exception>
    ReadOnlyMemory<byte> Ask(ControlRequest request);

    /// <summary>Subscribes, and hands on each line until the machine ends or nobody wants more.</summary>
    /// <param name="request">What to subscribe to.</param>
    /// <param name="take">Takes a line; may wait, and then lines are lost and counted.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="IOException">The machine is gone, or the subscription is refused.</exception>
    Task Follow(
        ControlRequest request, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken stop);
}
