"""Says which facts each check looks for, without importing them. Made by tools/make_index.py."""

MODULES = tuple("""
    advisory_ignore approval_ended bad_signature broken_argument check custom_operators dangerous_call denied_model
    digest_mismatch dropped_result external_files file_or_network_operators file_set_differs identity_changed
    install_instructions known_vulnerability license_changed license_conditions license_conflict license_denied
    license_duty license_mismatch license_not_allowed malformed_advisory malformed_file malicious_model native_code
    nested_program network_addresses not_examined not_locked other_models partly_read permission_increase
    remote_code revoked_signer secret_in_model signature_replaced signed_too_early signer_changed stale_feed
    stale_trust_root state_injection template_escape trust_root_changed unclear_license ungranted_import
    unknown_base unknown_bytes unlisted_host unlisted_organization unread_bytes unread_feed unresolved_name
    unsafe_configuration unsafe_file unsigned_file unsigned_model vendor_inactive vendor_look_alike vendor_score_low
    vulnerable_package wrong_signer
""".split())

# Module, and the kinds of facts without any of which the check says nothing; None when it is asked always.
ROWS = (
    ('advisory_ignore', ('modelguard.terms.advisory:Advised', 'modelguard.terms.advisory:IgnoreUnused')),
    ('approval_ended', ('modelguard.terms.facts:Approval', 'modelguard.terms.facts:Today')),
    ('bad_signature', ('modelguard.terms.provenance:SignatureFault', 'modelguard.terms.provenance:Signed')),
    ('broken_argument', ('modelguard.terms.facts:Call',)),
    ('custom_operators', ('modelguard.terms.facts:Asks',)),
    ('dangerous_call', ('modelguard.terms.facts:Call', 'modelguard.terms.facts:Import')),
    ('denied_model', ('modelguard.terms.origin:Origin',)),
    (
        'digest_mismatch',
        ('modelguard.terms.facts:Digested', 'modelguard.terms.facts:Pinned', 'modelguard.terms.facts:Substituted'),
    ),
    ('dropped_result', ('modelguard.terms.facts:Call', 'modelguard.terms.facts:Import')),
    ('external_files', ('modelguard.terms.facts:Asks',)),
    ('file_or_network_operators', ('modelguard.terms.facts:Asks',)),
    ('file_set_differs', ('modelguard.terms.facts:Pinned',)),
    ('identity_changed', ('modelguard.terms.facts:IdentityChanged',)),
    ('install_instructions', ('modelguard.terms.facts:Asks',)),
    ('known_vulnerability', ('modelguard.terms.advisory:Advised',)),
    ('license_changed', ('modelguard.terms.licensing:Licensed',)),
    ('license_conditions', ('modelguard.terms.licensing:LicenseRuled', 'modelguard.terms.licensing:Licensed')),
    ('license_conflict', ('modelguard.terms.licensing:LicenseConflict',)),
    ('license_denied', ('modelguard.terms.licensing:LicenseRuled', 'modelguard.terms.licensing:Licensed')),
    ('license_duty', ('modelguard.terms.licensing:LicenseDuty',)),
    ('license_mismatch', ('modelguard.terms.licensing:LicenseMismatch',)),
    ('license_not_allowed', ('modelguard.terms.licensing:LicenseRuled', 'modelguard.terms.licensing:Licensed')),
    ('malformed_advisory', ('modelguard.terms.advisory:RecordSkipped',)),
    ('malformed_file', ('modelguard.terms.facts:Malformed', 'modelguard.terms.facts:RawNumbers')),
    ('malicious_model', ('modelguard.terms.advisory:Advised',)),
    ('native_code', ('modelguard.terms.facts:Asks',)),
    ('nested_program', ('modelguard.terms.facts:Nested',)),
    ('network_addresses', ('modelguard.terms.facts:Asks',)),
    ('not_examined', None),
    ('not_locked', ('modelguard.terms.facts:NotLocked',)),
    ('other_models', ('modelguard.terms.facts:Asks',)),
    ('partly_read', ('modelguard.terms.facts:PartlyRead',)),
    (
        'permission_increase',
        (
            'modelguard.terms.facts:Asks',
            'modelguard.terms.facts:Earlier',
            'modelguard.terms.facts:Import',
            'modelguard.terms.facts:Pinned',
        ),
    ),
    ('remote_code', ('modelguard.terms.facts:Asks',)),
    ('revoked_signer', ('modelguard.terms.provenance:RevokedSignature',)),
    ('secret_in_model', ('modelguard.terms.facts:Secret',)),
    ('signature_replaced', ('modelguard.terms.provenance:PinnedSignature',)),
    ('signed_too_early', ('modelguard.terms.provenance:SignatureExpected',)),
    ('signer_changed', ('modelguard.terms.provenance:PinnedSignature', 'modelguard.terms.provenance:Signed')),
    ('stale_feed', ('modelguard.terms.advisory:FeedSeen',)),
    ('stale_trust_root', ('modelguard.terms.provenance:TrustRootSeen',)),
    ('state_injection', ('modelguard.terms.facts:Build',)),
    ('template_escape', ('modelguard.terms.facts:Asks',)),
    ('trust_root_changed', ('modelguard.terms.provenance:PinnedSignature',)),
    ('unclear_license', ('modelguard.terms.licensing:LicenseRuled', 'modelguard.terms.licensing:Licensed')),
    ('ungranted_import', ('modelguard.terms.facts:Import',)),
    ('unknown_base', ('modelguard.terms.licensing:BaseHint', 'modelguard.terms.licensing:BaseModel')),
    ('unknown_bytes', ('modelguard.terms.facts:Opaque', 'modelguard.terms.facts:RawNumbers')),
    ('unlisted_host', ('modelguard.terms.origin:Origin',)),
    ('unlisted_organization', ('modelguard.terms.origin:Origin',)),
    ('unread_bytes', ('modelguard.terms.facts:Unread',)),
    ('unread_feed', ('modelguard.terms.advisory:FeedUnread',)),
    ('unresolved_name', ('modelguard.terms.facts:Unresolved',)),
    ('unsafe_configuration', ('modelguard.terms.facts:Asks',)),
    ('unsafe_file', None),
    ('unsigned_file', ('modelguard.terms.provenance:Uncovered',)),
    ('unsigned_model', ('modelguard.terms.provenance:SignatureExpected', 'modelguard.terms.provenance:Unsigned')),
    ('vendor_inactive', ('modelguard.terms.vendor:VendorQuiet',)),
    ('vendor_look_alike', ('modelguard.terms.vendor:VendorResembles',)),
    ('vendor_score_low', ('modelguard.terms.vendor:VendorMarked', 'modelguard.terms.vendor:VendorScored')),
    ('vulnerable_package', ('modelguard.terms.advisory:Advised',)),
    ('wrong_signer', ('modelguard.terms.provenance:SignatureFault', 'modelguard.terms.provenance:Signed')),
)
