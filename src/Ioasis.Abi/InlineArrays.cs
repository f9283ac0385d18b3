using System.Runtime.CompilerServices;

namespace Ioasis.Abi;

/// <summary>An array of 3 bytes inside a struct.</summary>
[InlineArray(3)]
public struct U8x3
{
    private byte _first;
}

/// <summary>An array of 6 32-bit words inside a struct.</summary>
[InlineArray(6)]
public struct U32x6
{
    private uint _first;
}

/// <summary>An array of 2 64-bit words inside a struct.</summary>
[InlineArray(2)]
public struct U64x2
{
    private ulong _first;
}

/// <summary>An array of 4 64-bit words inside a struct.</summary>
[InlineArray(4)]
public struct U64x4
{
    private ulong _first;
}

/// <summary>An array of 6 64-bit words inside a struct.</summary>
[InlineArray(6)]
public struct U64x6
{
    private ulong _first;
}
