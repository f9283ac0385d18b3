using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Client.InProcess;

/// <summary>The memory behind an open node: blocks that are made when they are first asked for.</summary>
internal sealed class ProcessCarrier : ICarrier, IDisposable
{
    internal const ulong PageSize = 4096;

    internal static ulong RoundUp(ulong length) => (length + PageSize - 1) & ~(PageSize - 1);

    // Guards _runs.
    private readonly Lock _lock = new();
    private readonly List<Run> _runs = [];
    private readonly List<HostBlock> _blocks = [];

    public SharedBytes Map(ulong offset, ulong length)
    {
        lock (_lock)
        {
            foreach (Run run in _runs)
            {
                if (run.Offset == offset && run.Bytes.Length == length) return run.Bytes;
            }

            SharedBytes bytes;
            if (_runs.FirstOrDefault(r => offset >= r.Offset && offset - r.Offset + length <= r.Bytes.Length) is { } whole)
            {
                bytes = new Part(whole.Bytes, offset - whole.Offset, length);
            }
            else if (_runs.Exists(r => offset < r.Offset + r.Bytes.Length && r.Offset < offset + length))
            {
                throw new InvalidOperationException($"0x{length:x} bytes at 0x{offset:x} of a carrier were asked for before in smaller runs.");
            }
            else
            {
                var block = new HostBlock(length);
                _blocks.Add(block);
                bytes = block;
            }

            _runs.Add(new Run(offset, bytes));
            return bytes;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (HostBlock block in _blocks) block.Dispose();
            _blocks.Clear();
            _runs.Clear();
        }
    }

    private sealed record Run(ulong Offset, SharedBytes Bytes);

    /// <summary>Bytes within a run; they live as long as it.</summary>
    private sealed class Part(SharedBytes whole, ulong offset, ulong length) : SharedBytes(whole.Address + (nint)offset, length);
}
