using System.Diagnostics.CodeAnalysis;

namespace Ioasis.Memory;

/// <summary>
/// A loan of shared bytes as a span. The bytes stay until the loan is returned, and the compiler keeps the span within
/// the scope of the variable that holds the loan. Others can change the bytes at any time: copy before you check.
/// </summary>
public ref struct BorrowedBytes : IDisposable
{
    private readonly Span<byte> _bytes;
    private Action? _returned;

    internal BorrowedBytes(Span<byte> bytes, Action returned)
    {
        _bytes = bytes;
        _returned = returned;
    }

    /// <summary>The bytes.</summary>
    [UnscopedRef]
    public readonly Span<byte> Span => _bytes;

    /// <summary>Returns the loan, once.</summary>
    public void Dispose()
    {
        _returned?.Invoke();
        _returned = null;
    }
}
