namespace Ioasis.Devices.Dsa;

/// <summary>
/// The interrupt handles that descriptors name. The scheduler's lock guards them. A function's handle is the vector's
/// number. A part's is a number of its parent's, which no other part has; the part knows no other handles.
/// </summary>
/// <param name="layout">Has the vectors.</param>
/// <param name="mustRequest">Whether a handle is known only after its request.</param>
/// <param name="numbers">The parent's numbers; null for a function.</param>
internal sealed class DsaHandles(DsaLayout layout, bool mustRequest, DsaHandleNumbers? numbers)
{
    private const uint IsIms = 1 << 16;
    private readonly Dictionary<ushort, int> _vectors = []; // by handle

    /// <summary>The vector of a handle; -1 for none.</summary>
    internal int VectorOf(ushort handle) => mustRequest ? _vectors.GetValueOrDefault(handle, -1)
        : handle < layout.Vectors ? handle : -1;

    /// <summary>Requests the handle of a vector. A part's first vector is for no descriptors.</summary>
    internal DsaCommandError Request(uint operand, out ushort handle)
    {
        handle = 0;
        if (numbers is null) operand = (ushort)operand; // the function has no IMS to ask for
        if (operand >= layout.Vectors || (numbers is not null && operand == 0)) return DsaCommandError.InvalIntIdx;
        int vector = (int)operand;
        foreach ((ushort known, int of) in _vectors)
        {
            if (of != vector) continue;
            handle = known;
            return DsaCommandError.Success;
        }

        if (numbers is null) handle = (ushort)vector;
        else if (!numbers.TryTake(out handle)) return DsaCommandError.NoHandle;
        _vectors.Add(handle, vector);
        return DsaCommandError.Success;
    }

    /// <summary>Releases a handle.</summary>
    internal DsaCommandError Release(uint operand)
    {
        if ((numbers is not null && (operand & IsIms) != 0) || !_vectors.Remove((ushort)operand))
            return DsaCommandError.InvalIntIdx;
        numbers?.Give((ushort)operand);
        return DsaCommandError.Success;
    }

    /// <summary>Releases all.</summary>
    internal void Clear()
    {
        foreach (ushort handle in _vectors.Keys) numbers?.Give(handle);
        _vectors.Clear();
    }
}

/// <summary>The numbers of interrupt handles of a parent (its IMS entries). Thread-safe.</summary>
internal sealed class DsaHandleNumbers
{
    private const int Count = 256;
    private readonly int[] _taken = new int[Count];

    /// <summary>Takes the lowest free number; 0 is never one.</summary>
    internal bool TryTake(out ushort number)
    {
        for (number = 1; number < Count; number++)
            if (Interlocked.Exchange(ref _taken[number], 1) == 0) return true;
        return false;
    }

    internal void Give(ushort number) => Volatile.Write(ref _taken[number], 0);
}
