namespace Ioasis.Conformance.Sva;

/// <summary>A PASID's page table, of each kind, sent by an mdev: all is as with a function.</summary>
public sealed class MdevSvaBindTests() : SvaBindTests(onMdev: true);

/// <summary>Who has a PASID that an mdev sends, and until when: all is as with a function.</summary>
public sealed class MdevPasidOwnershipTests() : PasidOwnershipTests(onMdev: true);
