using Ioasis.Iommufd.Files;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Client.InProcess;

/// <summary>The memory behind an open node, in blocks that are allocated on first use.</summary>
internal sealed class ProcessCarrier : ICarrier, IDisposable
{
    internal const ulong PageSize = 4096;

    internal static ulong RoundUp(ulong length) => (length + PageSize - 1) & ~(PageSize - 1);

    // Guards the fields below.
    private readonly RankedLock _lock = new(LockRank.ProcessCarrier);
    private readonly List<Run> _runs = [];
    private readonly List<HostBlock> _blocks = [];
    private readonly List<(ulong Offset, ulong Length)> _mapped = [];

    public SharedBytes Map(ulong offset, ulong length)
    {
        using (_lock.Enter())
        {
            foreach (Run run in _runs)
            {
                if (run.Offset == offset && run.Bytes.Length == length) return run.Bytes;
            }

            SharedBytes bytes;
            if (_runs.FirstOrDefault(
                r => offset >= r.Offset && offset - r.Offset + length <= r.Bytes.Length) is { } whole)
            {
                bytes = new Part(whole.Bytes, offset - whole.Offset, length);
            }
            else if (_runs.Exists(r => offset < r.Offset + r.Bytes.Length && r.Offset < offset + length))
            {
                throw new InvalidOperationException(
                    $"0x{length:x} bytes at 0x{offset:x} of a carrier were asked for before in smaller runs.");
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

    public void Free(ulong offset, ulong length)
    {
        using (_lock.Enter())
        {
            int index = _runs.FindIndex(r => r.Offset == offset && r.Bytes.Length == length);
            if (index < 0) return;
            SharedBytes bytes = _runs[index].Bytes;
            _runs.RemoveAt(index);
            if (bytes is HostBlock block && _blocks.Remove(block)) block.Dispose();
        }
    }

    public bool IsMapped(ulong offset, ulong length)
    {
        using (_lock.Enter()) return _mapped.Exists(m => m.Offset < offset + length && offset < m.Offset + m.Length);
    }

    /// <summary>Records that a client is about to map bytes.</summary>
    internal void AddMapping(ulong offset, ulong length)
    {
        using (_lock.Enter()) _mapped.Add((offset, length));
    }

    /// <summary>Records that a client has unmapped bytes, or did not map them after all.</summary>
    internal void RemoveMapping(ulong offset, ulong length)
    {
        using (_lock.Enter()) _mapped.Remove((offset, length));
    }

    public void Dispose()
    {
        using (_lock.Enter())
        {
            foreach (HostBlock block in _blocks) block.Dispose();
            _blocks.Clear();
            _runs.Clear();
        }
    }

    private sealed record Run(ulong Offset, SharedBytes Bytes);

    /// <summary>Bytes within a run, which live as long as the run.</summary>
    private sealed class Part(SharedBytes whole, ulong offset, ulong length)
        : SharedBytes(whole.Address + (nint)offset, length);
}
