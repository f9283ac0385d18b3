namespace Ioasis.Core.Domains;

/// <summary>A user's first stage, for people.</summary>
/// <param name="Format">The format of its tables.</param>
/// <param name="Root">Where the first of them is: an address that the second stage translates.</param>
/// <param name="AddressBits">The width of the addresses that it translates.</param>
/// <param name="Flags">What else its user said, in the words of Linux's header.</param>
public sealed record FirstStageInfo(string Format, ulong Root, int AddressBits, IReadOnlyList<string> Flags);
