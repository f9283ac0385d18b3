namespace Ioasis.PageTables;

/// <summary>Where a look-up in an <see cref="IovaTable"/> ended, so that the next one within the same access can begin there.</summary>
internal struct IovaPlace
{
    /// <summary>The node; null at first.</summary>
    internal IovaNode? Node;

    /// <summary>Log2 of the bytes that each of its entries stands for.</summary>
    internal int Shift;

    /// <summary>What all addresses that it stands for begin with.</summary>
    internal ulong Prefix;
}
