using Ioasis.Abi;

namespace Ioasis.Host.Devices;

/// <summary>How many files of a kind are open, of all programs and of each. Guarded by whoever has it.</summary>
/// <param name="most">As many as all programs can have.</param>
/// <param name="mostOfOne">As many as one can have.</param>
internal sealed class OpenShare(int most, int mostOfOne)
{
    private readonly Dictionary<int, int> _openBy = [];
    private int _count;

    /// <summary>Counts one more.</summary>
    /// <returns>EMFILE, ENFILE: the program, or all of them, have as many as can be.</returns>
    public Errno TryTake(int program)
    {
        int openBy = _openBy.GetValueOrDefault(program);
        if (openBy >= mostOfOne) return Errno.EMFILE;
        if (_count >= most) return Errno.ENFILE;
        _openBy[program] = openBy + 1;
        _count++;
        return Errno.None;
    }

    /// <summary>Counts one less.</summary>
    public void Give(int program)
    {
        int left = _openBy[program] - 1;
        if (left == 0) _openBy.Remove(program);
        else _openBy[program] = left;
        _count--;
    }
}
