using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>
/// An eventfd of a caller. We share its open file description, so its flags are the caller's and stay as they are.
/// </summary>
/// <param name="file">A descriptor of ours for it.</param>
/// <param name="signals">How it is signalled; null: as the host does best.</param>
internal sealed class EventFile(FileDescriptor file, EventSignals? signals = null) : IEventFile
{
    private readonly EventSignals _signals = signals ?? EventSignals.Shared;
    private EventWriter? _writer;

    /// <inheritdoc/>
    public void Signal()
    {
        if (!_signals.TrySignal(file)) Writer().Signal();
    }

    /// <inheritdoc/>
    public Errno Listen(object listener, Action raised, out IDisposable? listening) =>
        EventListener.Listen(listener, file, raised, out listening);

    /// <inheritdoc/>
    public bool IsOpenElsewhere => EventFdHolders.Exist(file);

    public void Dispose()
    {
        if (Volatile.Read(ref _writer) is { } writer) writer.Dispose(); // it closes the file when it has written
        else file.Dispose();
    }

    private EventWriter Writer()
    {
        if (Volatile.Read(ref _writer) is { } present) return present;
        var made = new EventWriter(file);
        return Interlocked.CompareExchange(ref _writer, made, null) ?? made;
    }
}
