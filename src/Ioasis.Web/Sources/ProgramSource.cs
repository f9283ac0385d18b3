using Ioasis.Host.Control;

namespace Ioasis.Web.Sources;

/// <summary>The machine of a program that runs under a supervisor.</summary>
/// <param name="program">The program's process ID.</param>
/// <param name="title">The program and its arguments.</param>
internal sealed class ProgramSource(int program, string title) : IMachineSource
{
    /// <inheritdoc/>
    public string Kind => "program";

    /// <inheritdoc/>
    public string Title => title;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Ask(ControlRequest request) => ControlClient.AskForLine(program, request);

    /// <inheritdoc/>
    /// <remarks>A connection blocks, so each subscription has a thread, of which a server has only a few.</remarks>
    public Task Follow(
        ControlRequest request, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken stop) =>
        Task.Factory.StartNew(
            () => ControlClient.Follow(program, request, line => take(line).AsTask().GetAwaiter().GetResult(), stop),
            stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
