using Ioasis.Memory;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>
/// Where a walk stands before it reads an entry. A walk that starts from a step which an earlier one reported skips the entries above, as hardware does with its
/// paging-structure caches (VT-d specification, 6.2.5): these were all given A.
/// </summary>
/// <param name="Level">The level of the entry to be read.</param>
/// <param name="Table">The table it is in, a multiple of 4 KiB.</param>
/// <param name="Rights">What all entries above it grant.</param>
internal readonly record struct FirstStageStep(int Level, Gpa Table, X64Rights Rights);
